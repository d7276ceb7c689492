"""What a store is asked and answers about users' locks, as frozen values; and who asks in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from cronfleet.model import LockOwner

WAITER_KEPT_MS = 3_000
"""A waiter for a lock that has not asked again for so long loses its place."""

MOST_LOCK_WAITERS = 1_000
"""How many may stand in the queue for one lock; whoever comes later asks without a place."""


@dataclass(frozen=True, slots=True)
class Locked:
    """The lock is the owner's until its TTL is over, unless renewed."""

    token: int
    """Rises with every grant, whatever the lock's name."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else holds the lock, or has been waiting for longer."""

    free_in_ms: int
    """When that is over, unless it is renewed or given back before."""
    ahead: int
    """How many wait who came before."""


LockAnswer: TypeAlias = Locked | Busy


def lock_topic(owner: LockOwner) -> str:
    """The topic of hints that a waiter may have its lock now."""
    return f"lock:{owner}"


class Locker(Protocol):
    """`Store.lock` and `Store.unlock` for threads: they block, and any thread may call them."""

    def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer: ...

    def unlock(self, name: str, owner: LockOwner) -> bool: ...

    def close(self) -> None:
        """Give the connections back."""
