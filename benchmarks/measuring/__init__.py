"""What all benchmarks have in common: rounds, gates, and how a report is printed, kept and drawn."""
