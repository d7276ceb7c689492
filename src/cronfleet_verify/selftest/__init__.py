"""Does the checker find what it must, and nothing else? `python -m cronfleet_verify.selftest`."""
