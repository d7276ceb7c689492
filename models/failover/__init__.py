"""What asynchronous replication does to claim and start."""
