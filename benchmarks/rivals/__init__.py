"""Others who do the same, beside ours: locks for one benchmark, and schedulers under faults."""
