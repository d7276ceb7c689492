"""The two databases: from a URL to a connection, and their errors in one line."""
