"""The HTTP server: health checks, a read-only API, and pages. On this machine only, for now."""
