"""The store in a PostgreSQL database, for a fleet."""

from __future__ import annotations

from cronfleet.stores.postgres.store import PostgresStore

__all__ = ["PostgresStore"]
