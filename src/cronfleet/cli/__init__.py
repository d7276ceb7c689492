"""The command `cronfleet`."""
