"""Cronfleet beside others: web frameworks, and queues to hand ticks to. Each is imported alone."""
