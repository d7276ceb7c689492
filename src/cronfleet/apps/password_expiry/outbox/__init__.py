"""The outbox: the notices, the runs that made them and what is held, and what may become of each."""
