"""Expressions to be measured, and texts that are typed as such."""
