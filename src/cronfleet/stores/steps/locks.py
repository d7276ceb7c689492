"""Locks: granted in the order of the queue, for a TTL, each time under a higher token."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from cronfleet.model import LockOwner
from cronfleet.store import (
    CLOCK_STEP_BACK_MS,
    MOST_LOCK_WAITERS,
    WAITER_KEPT_MS,
    Busy,
    LockAnswer,
    Locked,
)
from cronfleet.stores.steps.records import LockRecord, Records, WaiterRecord

_FORGOTTEN_AFTER_MS = 24 * 3_600_000
"""Only to tidy up: what has expired counts no more."""

_END = 2**62
"""Above all places."""


class Unlocked(NamedTuple):
    """Whether nobody else had been granted the lock, and who may have it now."""

    was_held: bool
    following: LockOwner | None


def lock(records: Records, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
    held = _held(records, name)
    if held and held.owner == owner:
        records.put_lock(_prolonged(records, held, ttl_ms))
        return Locked(held.token)
    _drop_lapsed(records, name)
    following = records.next_waiter(name)
    if held is None and (following is None or following.owner == owner):
        return _grant(records, name, owner, ttl_ms)
    over_at = held.expires_at if held else following.kept_until if following else records.now
    place = _place(records, name, owner, waits=waits)
    return Busy(over_at - records.now, records.count_waiters(name, below=place))


def _held(records: Records, name: str) -> LockRecord | None:
    """The lock, unless it has expired, or ends further ahead than a grant or renewal reaches."""
    held = records.lock(name)
    if held is None or held.expires_at <= records.now:
        return None
    is_stale = held.expires_at > records.now + held.ttl_ms + CLOCK_STEP_BACK_MS
    return None if is_stale else held


def _prolonged(records: Records, held: LockRecord, ttl_ms: int) -> LockRecord:
    return replace(held, ttl_ms=ttl_ms, expires_at=records.now + ttl_ms)


def _drop_lapsed(records: Records, name: str) -> None:
    high = records.now + WAITER_KEPT_MS + CLOCK_STEP_BACK_MS
    records.drop_waiters_but(name, records.now, high)
    # Of any name: what nobody asks for any more would be kept for ever.
    records.drop_locks_until(records.now - _FORGOTTEN_AFTER_MS)


def _grant(records: Records, name: str, owner: LockOwner, ttl_ms: int) -> Locked:
    token = records.next_token()
    records.drop_waiter(name, owner)
    records.put_lock(LockRecord(name, owner, token, ttl_ms, records.now + ttl_ms))
    return Locked(token)


def _place(records: Records, name: str, owner: LockOwner, *, waits: bool) -> int:
    """The owner's place in the queue, taken or kept; if it has none, the end of the queue."""
    mine = records.waiter(name, owner)
    if mine is None:
        if not waits or records.count_waiters(name, below=_END) >= MOST_LOCK_WAITERS:
            return _END
        mine = WaiterRecord(name, owner, records.next_token(), 0)  # Rises as tokens do.
    # Not written anew each time: on a disk that costs more than all else.
    if mine.kept_until < records.now + WAITER_KEPT_MS * 2 // 3:
        records.put_waiter(replace(mine, kept_until=records.now + WAITER_KEPT_MS))
    return mine.place


def renew_lock(records: Records, name: str, owner: LockOwner, ttl_ms: int) -> bool:
    held = _held(records, name)
    if held is None or held.owner != owner:
        return False
    records.put_lock(_prolonged(records, held, ttl_ms))
    return True


def unlock(records: Records, name: str, owner: LockOwner) -> Unlocked:
    held, known = _held(records, name), records.lock(name)
    was_held = known is not None and known.owner == owner
    if was_held:
        records.drop_lock(name)
    records.drop_waiter(name, owner)
    _drop_lapsed(records, name)
    if held and not was_held:
        return Unlocked(was_held, following=None)
    following = records.next_waiter(name)
    return Unlocked(was_held, following.owner if following else None)
