"""Jobs that make a request: to hosts that are named, at addresses that were looked at."""
