"""What others make of the same task, as benchmarks call it."""
