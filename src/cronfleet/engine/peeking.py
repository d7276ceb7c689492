"""Looking for what there is to do: in the store, or in what it showed a moment ago."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cronfleet.clock import Clock
from cronfleet.engine.choice import Choice, Chooser
from cronfleet.engine.known import Seat
from cronfleet.engine.lookout import Lookout
from cronfleet.engine.overruled import Overruled
from cronfleet.engine.ranking import SHARD_GRACE_MS
from cronfleet.engine.repertoire import Repertoire
from cronfleet.engine.resuming import Resuming
from cronfleet.engine.seats import Free, Seats
from cronfleet.engine.session import SessionKeeper
from cronfleet.engine.sight import Sight
from cronfleet.engine.steadiness import Reading
from cronfleet.engine.times import Times
from cronfleet.model import Instant
from cronfleet.store import MOST_SOON, Seen, Store

PEEKED_PER_SEAT = 4
MOST_PEEKED = 800
PEEKED_WHEN_FULL = 20
"""Without a seat."""
MOST_PASSED = 4
"""So many pages of no use are passed in one look; the next goes on behind them."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """How much of what is due was of no use, and why: unknown, or of a sort that had no seat."""

    skip: int
    lacking: frozenset[Seat]
    in_vain_at: Instant | None
    """When it was looked past without finding anything, if it was."""

    def holds(self, free: Free) -> bool:
        """Whether it is of no use still."""
        return self.lacking <= free.lacking


class Peeking:
    """What an instance sees of the program's ticks and runs, and what it chooses of them."""

    def __init__(  # noqa: PLR0913 - whom it asks, and whom it tells
        self,
        store: Store,
        clock: Clock,
        times: Times,
        *,
        jobs: Repertoire,
        session: SessionKeeper,
        lookout: Lookout,
        resuming: Resuming,
    ) -> None:
        self._store = store
        self._clock = clock
        self._times = times
        self._program = session.identity.program
        self._jobs = jobs
        self._session = session
        self._lookout = lookout
        self._resuming = resuming
        self._overruled = Overruled(jobs, times.ttl_ms)
        self._sight = Sight(clock)
        self._looked_at: Instant | None = None
        self._passed: _Passed | None = None

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
        # The last peek showed what is due, or that nothing is: it needs no second look.
        if seen and (_is_nothing(seen) or self._chooser.can_use(seen, seats.free)):
            return seen
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

    def stirred(self) -> None:
        """There may be more than was seen."""
        self._sight.stirred()

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
        while len(pages) <= MOST_PASSED:
            seen = await self._store.peek(self._program, limit, skip)
            self._resuming.saw(seen)
            await self._jobs.learn(self._store, seen)
            pages.append(seen)
            if not _is_full(seen, limit) or self._chooser.knows_any(seen):
                break
            skip, limit = skip + limit, MOST_PEEKED
        return pages

    async def _peek(self, seats: Seats) -> Seen:
        """Look at what is due, past what this instance does not know or has no seat for."""
        limit = min(PEEKED_PER_SEAT * seats.free.total, MOST_PEEKED)
        seen = first = await self._page(limit, 0)
        if self._overruled.saw(first, self._clock.boot_ms()):
            self._session.declare_again()
        pages = [first]
        if _is_full(first, limit) and not self._is_of_use(first, seats):
            if not self._is_in_vain(first, seats.free):
                seen = await self._look_past(pages, limit, seats)
        else:
            self._passed = None
        self._lookout.saw(pages, seats.free, self._clock.boot_ms())
        return seen

    async def _look_past(self, pages: list[Seen], limit: int, seats: Seats) -> Seen:
        """Look behind a first page of no use, from where the last look got to; add to `pages`."""
        free, passed = seats.free, self._passed
        skip = passed.skip if passed and passed.holds(free) else limit
        for _ in range(MOST_PASSED):
            seen = await self._page(MOST_PEEKED, skip)
            pages.append(seen)
            # A seat may be free by now for what was seen first, and that has waited longest.
            for page in (pages[0], seen):
                if self._is_of_use(page, seats):
                    self._passed = _Passed(skip, free.lacking, None)
                    return page
            if not _is_full(seen, MOST_PEEKED):
                skip = limit  # That was the end: the next look begins anew.
                break
            skip += MOST_PEEKED
        self._passed = _Passed(skip, free.lacking, self._clock.boot_ms())
        return pages[-1]

    async def _page(self, limit: int, skip: int) -> Seen:
        sent_at = self._clock.boot_ms()
        self._sight.asks()
        seen = await self._store.peek(self._program, limit, skip)
        self._looked_at = self._clock.boot_ms()
        is_all = skip == 0 and not _is_full(seen, limit)
        self._sight.peeked(seen, is_all=is_all, is_cut=len(seen.soon) >= min(limit, MOST_SOON))
        self._resuming.saw(seen)
        self._session.read(Reading(seen.now, sent_at, self._looked_at))
        await self._jobs.learn(self._store, seen)
        self._session.look_back(seen, self._jobs)
        return seen

    def _is_of_use(self, page: Seen, seats: Seats) -> bool:
        return self._chooser.can_use(page, seats.free)

    def _is_in_vain(self, first: Seen, free: Free) -> bool:
        """Whether to look further is left for the next poll: what is ours had no seat, nor has it now.

        Else each end of a run in an overload, and each hint, would cost such a look.
        """
        passed = self._passed
        if passed is None or passed.in_vain_at is None or not self._chooser.knows_any(first):
            return False
        since_ms = self._clock.boot_ms() - passed.in_vain_at
        return since_ms < self._times.poll_ms and passed.holds(free)


def _is_full(page: Seen, limit: int) -> bool:
    return max(len(page.due), len(page.pending)) == limit


def _is_nothing(seen: Seen) -> bool:
    return not (seen.due or seen.pending)
