"""What was granted to calls that were never answered: the store is asked which runs are ours."""

from __future__ import annotations

from cronfleet.clock import Clock
from cronfleet.engine.times import Times
from cronfleet.engine.writes import GatheredWrites
from cronfleet.model import Instant, SessionId
from cronfleet.store import Store


class Reconciling:
    """Decides when to ask, and asks."""

    def __init__(self, store: Store, clock: Clock, times: Times, writes: GatheredWrites) -> None:
        self._store = store
        self._clock = clock
        self._times = times
        self._writes = writes
        self._due: Instant = clock.boot_ms() + times.reconcile_ms
        self._calls_land_by: Instant = 0
        self._exceeded = 0

    def unanswered(self) -> None:
        """A call went unanswered: ask what it did, later than it can still arrive."""
        self._due = self._clock.boot_ms() + 2 * self._times.call_ms
        self._calls_land_by = self._due

    def held(self, held: int) -> None:
        """The store has counted our runs: twice more than we know of is no crossing of messages."""
        self._exceeded = self._exceeded + 1 if held > self._writes.most_held else 0
        if self._exceeded >= 2:
            self._due = min(self._due, self._clock.boot_ms())

    async def ask_if_due(self, session: SessionId) -> None:
        """Ask which runs are ours. Runs between claims: none of ours is under way here.

        Now and then without a reason, too: counts that agree do not prove that the runs do.
        Raises StoreError.
        """
        due, now = self._due, self._clock.boot_ms()
        if now < max(due, self._calls_land_by):
            return
        self._exceeded = 0
        await self._writes.reconcile(await self._store.held(session))
        if self._due == due:  # Else a call has gone unanswered meanwhile.
            self._due = now + self._times.reconcile_ms
