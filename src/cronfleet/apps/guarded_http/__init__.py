"""Requests to where they are allowed, at addresses that were looked at."""
