"""Adapters of the store contract; none knows another, nor the engine."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from cronfleet.errors import ConfigurationError, MissingExtraError
from cronfleet.store import Store

_REDIS_SCHEMES = {
    *("redis", "rediss", "unix"),
    *("redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster"),
}


def open_store(url: str, fleet: str, call_ms: int = 2_500) -> Store:
    """The store that a URL names, not connected yet; a call may take `call_ms`.

    `memory:`, `sqlite:///relative.db`, `sqlite:////absolute.db`, `redis://host:port/0`,
    `rediss://` for TLS, `unix://`, `redis+sentinel://`, `redis+cluster://`,
    `postgresql://user:password@host:port/database`.
    Raises ConfigurationError for any other, MissingExtraError if its packages are missing.
    """
    match urlsplit(url).scheme:
        case "memory":
            from cronfleet.stores.memory import MemoryStore

            return MemoryStore()
        case "sqlite":
            from cronfleet.stores.sqlite import SqliteStore

            return SqliteStore(_sqlite_path(url), fleet=fleet, lock_timeout_ms=call_ms)
        case scheme if scheme in _REDIS_SCHEMES:
            if find_spec("redis") is None:
                raise MissingExtraError("a Redis store", "redis")
            from cronfleet.stores.redis import RedisStore

            return RedisStore(url, fleet=fleet, call_timeout=call_ms / 1000)
        case "postgresql" | "postgres":
            if find_spec("psycopg") is None:
                raise MissingExtraError("a PostgreSQL store", "postgres")
            from cronfleet.stores.postgres import PostgresStore

            return PostgresStore(url, fleet=fleet, call_timeout=call_ms / 1000)
        case scheme:
            raise ConfigurationError(
                f"the store's URL begins with {scheme or 'nothing known'!r}: write "
                "sqlite:///path/to/cronfleet.db, redis://host:6379/0, "
                "postgresql://host:5432/database or memory:"
            )


def _sqlite_path(url: str) -> str:
    _, _, path = url.partition(":///")
    if not path:
        raise ConfigurationError(
            "the store's URL names no file: write sqlite:///cronfleet.db, with three slashes, "
            "or sqlite:////var/lib/cronfleet.db for a path from the root"
        )
    return unquote(path)
