"""What changes in a fleet, told to all who listen to this server."""
