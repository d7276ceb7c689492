"""The store in an SQLite file, for the instances of one machine."""

from __future__ import annotations

from cronfleet.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
