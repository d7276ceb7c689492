"""Which fire times of the past are to run by hand, decided from all that the store has on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronfleet.errors import InvalidBackfillError
from cronfleet.info import instant_from
from cronfleet.model import TERMINAL, Instant, JobRecord, Kind, RunRecord
from cronfleet.pausing import resumed
from cronfleet.planning import plan_of
from cronfleet.store import MOST_BACKFILLED, MOST_MADE, Store

MOST_FIRE_TIMES = 1_000
"""How many fire times one back-fill may span; more would not all find a place to wait."""

_PAGE = 200
_MOST_GAPS = 1_000


@dataclass(frozen=True, slots=True)
class Span:
    """The fire times of a span, and those among them of which a run may be made."""

    fire_times: Sequence[Instant]
    wanted: frozenset[Instant]
    unrecorded: int
    """Those that were settled without a gap, and whose runs are kept no more: they have run."""
    shards: int
    """How many runs each makes."""

    def parts(self) -> list[list[Instant]]:
        """What to order at once. They are cut alike, whatever has been made of them meanwhile."""
        size = min(MOST_BACKFILLED, MOST_MADE // self.shards)
        cuts = range(0, len(self.fire_times), size)
        parts = [self.fire_times[at : at + size] for at in cuts]
        return [[each for each in part if each in self.wanted] for part in parts]


def bounds(name: str, first: datetime, last: datetime) -> tuple[Instant, Instant]:
    """What a person says as instants, both within. Raises InvalidBackfillError."""
    if first.utcoffset() is None or last.utcoffset() is None:
        raise InvalidBackfillError(name, "its bounds need a time zone, such as tzinfo=UTC")
    if last < first:
        raise InvalidBackfillError(name, f"{last} lies before {first}")
    epoch, ms = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
    return instant_from(first), (last - epoch) // ms


async def span_of(
    store: Store, job: JobRecord, first: Instant, last: Instant, *, again: bool
) -> Span:
    """Look at the fire times first <= t <= last that no tick will be made of any more.

    Raises InvalidBackfillError when there are too many; StoreError.
    """
    plan = await plan_of(store, job)
    last = min(last, await _last_settled(store, job))
    fire_times = plan.schedule.between(first - 1, last, MOST_FIRE_TIMES + 1)
    if len(fire_times) > MOST_FIRE_TIMES:
        raise InvalidBackfillError(
            job.name, f"more than {MOST_FIRE_TIMES:,} fire times lie there: take a shorter span"
        )
    if again:
        return Span(fire_times, frozenset(fire_times), 0, job.shards)
    past = await _Past.of(store, job)
    unrecorded = [each for each in fire_times if past.has_forgotten(each)]
    done = past.ran.union(unrecorded)
    return Span(fire_times, frozenset(fire_times) - done, len(unrecorded), job.shards)


async def _last_settled(store: Store, job: JobRecord) -> Instant:
    """A paused job makes no ticks up to the moment at which it is resumed."""
    now = (await store.peek(job.program, limit=1)).now
    owed = (await resumed(store, job, now)).following if job.paused else job.expected
    return now if owed is None else min(now, owed.fire_time - 1)


@dataclass(frozen=True, slots=True)
class _Past:
    """What the store has on record of a job's fire times."""

    job: JobRecord
    known: frozenset[Instant]
    """Of which there is a run, whatever has become of it."""
    ran: frozenset[Instant]
    """Of which a run was started, or may yet be."""
    skipped: Sequence[tuple[Instant, Instant]]
    filled: Sequence[tuple[Instant, Instant]]

    @classmethod
    async def of(cls, store: Store, job: JobRecord) -> _Past:
        runs = [run for run in await _runs(store, job) if run.kind is not Kind.MANUAL]
        gaps = await store.gaps(job.name, limit=_MOST_GAPS)
        return cls(
            job,
            frozenset(run.id.fire_time for run in runs),
            frozenset(run.id.fire_time for run in runs if _counts(run)),
            [(each.gap.first, each.gap.last) for each in gaps],
            [(each.first, each.last) for each in await store.backfills(job.name)],
        )

    def has_forgotten(self, fire_time: Instant) -> bool:
        """Whether it has run, though nothing is left of that but that it was settled."""
        if fire_time in self.known:
            return False
        if _lies_in(fire_time, self.filled):
            return True
        was_tick = self.job.since <= fire_time <= self.job.watermark
        return was_tick and not _lies_in(fire_time, self.skipped)


def _counts(run: RunRecord) -> bool:
    return run.started_at is not None or run.state not in TERMINAL


def _lies_in(fire_time: Instant, spans: Sequence[tuple[Instant, Instant]]) -> bool:
    return any(first <= fire_time <= last for first, last in spans)


async def _runs(store: Store, job: JobRecord) -> list[RunRecord]:
    found: list[RunRecord] = []
    while page := await store.runs(job.name, _PAGE, len(found)):
        found += page
    return found
