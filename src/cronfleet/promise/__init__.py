"""What can be promised of a store as it is configured: from facts about it, to words. Pure."""

from __future__ import annotations

from cronfleet.promise.memory import memory_promise
from cronfleet.promise.postgres import PostgresFacts, postgres_promise
from cronfleet.promise.redis import RedisFacts, redis_promise
from cronfleet.promise.sqlite import SqliteFacts, sqlite_promise
from cronfleet.promise.values import Downgrade, Failure, Held, Promise, Verdict

__all__ = [
    "Downgrade",
    "Failure",
    "Held",
    "PostgresFacts",
    "Promise",
    "RedisFacts",
    "SqliteFacts",
    "Verdict",
    "memory_promise",
    "postgres_promise",
    "redis_promise",
    "sqlite_promise",
]
