"""The HTTP server: health checks, the API, and pages; for this machine alone unless told otherwise."""
