"""The application's page."""
