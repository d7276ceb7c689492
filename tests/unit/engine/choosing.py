"""Samples for the tests of what an instance chooses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cronfleet import RunContext, every
from cronfleet.engine.choice import Choice, Chooser
from cronfleet.engine.known import Handler, KnownJob, KnownJobs
from cronfleet.engine.ranking import Ranking
from cronfleet.engine.seats import Free
from cronfleet.model import Fire, RunId, SessionId
from cronfleet.registry import JobOptions, known_job
from cronfleet.schedule import Schedule
from cronfleet.store import DueTick, PendingClaim, PendingRun, Seen, TickClaim

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
NOON_MS = round(NOON.timestamp() * 1000)
MINUTE_MS = 60_000
ANNA, BERT = SessionId("anna"), SessionId("bert")
FIRST = Ranking(ANNA, ())
MANY = Free(100, 100)
EACH_MINUTE = every(timedelta(minutes=1))


async def coroutine(run: RunContext) -> None: ...


def plain(run: RunContext) -> None: ...


def job(
    name: str,
    schedule: Schedule = EACH_MINUTE,
    handler: Handler = coroutine,
    options: JobOptions | None = None,
) -> KnownJob:
    return known_job(handler, schedule, name, options or {})


def known(*jobs: KnownJob) -> KnownJobs:
    return {each.definition.name: each for each in jobs}


def tick(job: KnownJob, due: int = NOON_MS) -> DueTick:
    return DueTick(job.definition.name, 3, job.digest, Fire(due, due), 0)


def pending(job: KnownJob, number: int = 1) -> PendingRun:
    return PendingRun(RunId(job.definition.name, NOON_MS, number), job.digest)


def seen(
    *due: DueTick,
    soon: Sequence[DueTick] = (),
    pending: Sequence[PendingRun] = (),
    next_due: int | None = None,
    now: int = NOON_MS,
) -> Seen:
    return Seen(now, list(due), list(soon), tuple(pending), next_due)


def second_of(*jobs: KnownJob) -> Ranking:
    """A ranking by which all these go to another session first."""
    for n in range(10_000):
        peer = SessionId(f"peer-{n}")
        ranking = Ranking(ANNA, {ANNA, peer})
        if all(ranking.rank(each.definition.name) == 1 for each in jobs):
            return ranking
    raise AssertionError("no such peer")


REPORT, BACKUP = job("report"), job("backup")
PRINTER = job("printer", handler=plain)


def choose(
    jobs: KnownJobs,
    what: Seen,
    *,
    ranking: Ranking = FIRST,
    free: Free = MANY,
    only_utc: bool = False,
) -> Choice:
    return Chooser(jobs, ranking, only_utc).choose(what, Free(free.coroutines, free.threads))


def name_of(item: object) -> str:
    assert isinstance(item, TickClaim | PendingClaim)
    return item.job if isinstance(item, TickClaim) else item.run.job
