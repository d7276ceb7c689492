"""Looking for what there is to do: in the store, or in what it showed a moment ago."""

from __future__ import annotations

from collections.abc import Sequence

from cronfleet.clock import Clock
from cronfleet.engine.choice import Choice, Chooser
from cronfleet.engine.lookout import Lookout
from cronfleet.engine.overruled import Overruled
from cronfleet.engine.ranking import SHARD_GRACE_MS
from cronfleet.engine.repertoire import Repertoire
from cronfleet.engine.seats import Free, Seats
from cronfleet.engine.session import SessionKeeper
from cronfleet.engine.sight import Sight
from cronfleet.engine.steadiness import Reading
from cronfleet.engine.times import Times
from cronfleet.model import Instant
from cronfleet.store import Seen, Store

PEEKED_PER_SEAT = 4
MOST_PEEKED = 800
PEEKED_WHEN_FULL = 20
"""Without a seat."""


class Peeking:
    """What an instance sees of the program's ticks and runs, and what it chooses of them."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        times: Times,
        *,
        jobs: Repertoire,
        session: SessionKeeper,
        lookout: Lookout,
    ) -> None:
        self._store = store
        self._clock = clock
        self._times = times
        self._program = session.identity.program
        self._jobs = jobs
        self._session = session
        self._lookout = lookout
        self._overruled = Overruled(jobs, times.ttl_ms)
        self._sight = Sight(clock)
        self._looked_at: Instant | None = None
        self._in_vain: tuple[Instant, Free] | None = None
        """When all pages were looked through last and none was of use, and the seats there were."""

    @property
    def silence(self) -> str:
        """Why nobody knows what there is to do; empty if it was looked for lately."""
        now = self._clock.boot_ms()
        longest_ms = self._times.ttl_ms + self._times.poll_ms
        if self._looked_at is None or now - self._looked_at > longest_ms:
            return "nothing has been looked for yet, or not for a while"
        return ""

    async def look(self, seats: Seats) -> Seen:
        """What there may be to claim. Look at `may_claim` after it. Raises StoreError."""
        seen = self._sight.now(self._session.store_now())
        if seen and self._chooser.can_use(seen, seats.free):
            return seen  # The last peek showed it: it needs no second look.
        return await self._peek(seats)

    async def look_over(self, seats: Seats) -> None:
        """Without a seat nothing can be claimed, but how long it has been due should be known.

        Raises StoreError.
        """
        now = self._clock.boot_ms()
        if self._looked_at is None or now - self._looked_at >= self._times.poll_ms:
            pages = await self._pages_to_what_is_known()
            self._looked_at = self._clock.boot_ms()
            self._lookout.saw(pages, seats.free, self._looked_at)

    def choose(self, seen: Seen, seats: Seats) -> Choice:
        """What of it to claim now."""
        choice = self._chooser.choose(seen, seats.free)
        self._sight.chose(seen, choice)
        return choice

    def forget(self) -> None:
        """Others were first: what was seen is out of date."""
        self._sight.forget()

    @property
    def _chooser(self) -> Chooser:
        # Who is not told looks within a poll.
        told_ms = 0 if self._store.tells_all else self._times.poll_ms
        return Chooser(
            self._jobs,
            self._session.ranking,
            self._session.has_old_tzdata,
            SHARD_GRACE_MS + told_ms,
        )

    async def _pages_to_what_is_known(self) -> Sequence[Seen]:
        pages: list[Seen] = []
        skip, limit = 0, PEEKED_WHEN_FULL
        while True:
            seen = await self._store.peek(self._program, limit, skip)
            pages.append(seen)
            if not _is_full(seen, limit) or self._chooser.knows_any(seen):
                return pages
            skip, limit = skip + limit, MOST_PEEKED

    async def _peek(self, seats: Seats) -> Seen:
        """Look at what is due, past what this instance does not know or has no seat for."""
        limit = min(PEEKED_PER_SEAT * seats.free.total, MOST_PEEKED)
        pages: list[Seen] = []
        skip = 0
        while True:
            seen = await self._page(limit, skip)
            if not pages and self._overruled.saw(seen, self._clock.boot_ms()):
                self._session.declare_again()
            pages.append(seen)
            free = seats.free
            # A seat may be free by now for what was seen first, and that has waited longest.
            useful = [page for page in (pages[0], seen) if self._chooser.can_use(page, free)]
            if useful or not _is_full(seen, limit) or self._is_in_vain(seen, free):
                if len(pages) > 1 and not useful:
                    self._in_vain = self._clock.boot_ms(), free
                self._lookout.saw(pages, free, self._clock.boot_ms())
                return useful[0] if useful else seen
            skip, limit = skip + limit, MOST_PEEKED

    async def _page(self, limit: int, skip: int) -> Seen:
        sent_at = self._clock.boot_ms()
        seen = await self._store.peek(self._program, limit, skip)
        self._looked_at = self._clock.boot_ms()
        self._sight.peeked()
        self._session.read(Reading(seen.now, sent_at, self._looked_at))
        await self._jobs.learn(self._store, seen)
        self._session.look_back(seen, self._jobs)
        return seen

    def _is_in_vain(self, first: Seen, free: Free) -> bool:
        """Whether to look further is left for the next poll: what is ours had no seat, nor has it now.

        Else each end of a run in an overload, and each hint, would cost a look through all of it.
        """
        if self._in_vain is None or not self._chooser.knows_any(first):
            return False
        since, then = self._in_vain
        return self._clock.boot_ms() - since < self._times.poll_ms and free.is_within(then)


def _is_full(page: Seen, limit: int) -> bool:
    return max(len(page.due), len(page.pending)) == limit
