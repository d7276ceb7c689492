"""The protocol of the design as it stands: one session an instance, watched death, close and sweep."""
