"""What stands at which address. All of it is read only."""
