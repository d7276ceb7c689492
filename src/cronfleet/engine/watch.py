"""Death is watched, not inferred: when this instance may close another's session. Pure.

A session may be closed when its counter stood still for a whole TTL of this instance's boot
clock, in which the store answered and kept its id and epoch. The store adds its own condition:
the session has expired.
"""

from __future__ import annotations

from dataclasses import dataclass

from cronfleet.model import Instant, SessionId
from cronfleet.store import Renewal


@dataclass(frozen=True, slots=True)
class Dead:
    """A session that may be closed, under the counter and epoch that were watched."""

    session: SessionId
    counter: int
    epoch: int


@dataclass(frozen=True, slots=True)
class _Sight:
    counter: int
    ttl_ms: int
    since: int


class Watch:
    """What one instance has seen of the others. Instants are of the boot clock."""

    def __init__(self, mine: SessionId, ttl_ms: int) -> None:
        self._mine = mine
        # Renewals come every third of a TTL; a longer silence is the store's, not the peers'.
        self._longest_silence_ms = ttl_ms * 2 // 3
        self._store: tuple[str, int] | None = None
        self._answered_at: Instant | None = None
        self._sights: dict[SessionId, _Sight] = {}

    def saw(self, renewal: Renewal, received_at: Instant) -> None:
        """Take in an answer. A watch counts from its receipt."""
        store = (renewal.info.id, renewal.info.epoch)
        if store != self._store or self._was_silent(received_at):
            self._sights.clear()
        self._store = store
        self._answered_at = received_at
        before, self._sights = self._sights, {}
        for peer in renewal.peers:
            sight = before.get(peer.session)
            if sight is None or sight.counter != peer.counter:
                sight = _Sight(peer.counter, peer.ttl_ms, received_at)
            self._sights[peer.session] = sight

    def forget(self) -> None:
        """The store gave no answer: every watch begins anew."""
        self._sights.clear()

    def drop(self, session: SessionId) -> None:
        """It was closed."""
        self._sights.pop(session, None)

    def dead(self, now: Instant) -> list[Dead]:
        """The sessions that may be closed now."""
        if self._store is None or self._was_silent(now):
            return []
        epoch = self._store[1]
        return [
            Dead(session, sight.counter, epoch)
            for session, sight in self._sights.items()
            if session != self._mine and now - sight.since >= sight.ttl_ms
        ]

    def wakes_at(self) -> Instant | None:
        """When the next session could be dead."""
        ends = [
            sight.since + sight.ttl_ms
            for session, sight in self._sights.items()
            if session != self._mine
        ]
        return min(ends, default=None)

    def _was_silent(self, now: Instant) -> bool:
        return self._answered_at is None or now - self._answered_at > self._longest_silence_ms
