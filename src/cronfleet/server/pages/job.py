"""One job: what comes next, what became of its ticks, how late and how long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from cronfleet import (
    GapInfo,
    JobInfo,
    RunInfo,
    Scheduler,
    StoreError,
    StoreUnavailableError,
    Upcoming,
)
from cronfleet.schedule import Schedule, schedule_from_definition
from cronfleet.server.pages.pictures.calendar import Day, calendar
from cronfleet.server.pages.pictures.dots import Dot, dots, middle_of
from cronfleet.server.pages.policies import policies_of
from cronfleet.server.pages.rendering import clock, span
from cronfleet.server.pages.schedules import due_time, zone_of

RUNS_SHOWN = 25
FIRES_SHOWN = 8
RUNS_CHARTED = 60
WEEKS = 5
_RUNS_READ = 600
_READ_AT_ONCE = 200
_MISSED = frozenset({"misfire", "no_instance", "overlap", "poisoned"})


@dataclass(frozen=True, slots=True)
class JobView:
    """A job, with a page of its runs and gaps."""

    job: JobInfo
    runs: Sequence[RunInfo]
    gaps: Sequence[GapInfo]
    skip: int
    zone: str
    portrait: Portrait | None
    """On its first page."""

    @property
    def is_more(self) -> bool:
        return RUNS_SHOWN in (len(self.runs), len(self.gaps))


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a job is like: what comes next, pictures of the last weeks, and its policies."""

    fires: Sequence[Upcoming]
    calendar: Markup
    lateness: Chart | None
    durations: Chart | None
    policies: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, and what it comes to in words."""

    picture: Markup
    words: str


async def look_at(scheduler: Scheduler, name: str, skip: int) -> JobView:
    """Raises UnknownJobError, StoreError."""
    job = await scheduler.job_info(name)
    return JobView(
        job=job,
        runs=await scheduler.runs(name, RUNS_SHOWN, skip),
        gaps=await scheduler.gaps(name, RUNS_SHOWN, skip),
        skip=skip,
        zone=zone_of(job),
        portrait=None if skip else await _portrait(scheduler, job),
    )


async def _portrait(scheduler: Scheduler, job: JobInfo) -> Portrait:
    today = (await scheduler.store_time()).date()
    history = await _history(scheduler, job.name)
    gaps = await scheduler.gaps(job.name, _READ_AT_ONCE)
    schedule = schedule_from_definition(job.schedule_values) if job.schedule_values else None
    return Portrait(
        fires=coming(job, schedule),
        calendar=calendar(days_of(history, gaps, today)),
        lateness=lateness_chart(job, history),
        durations=duration_chart(history),
        policies=await _policies(scheduler, job.name),
    )


async def _policies(scheduler: Scheduler, name: str) -> Sequence[tuple[str, str]]:
    """None of a definition that is gone, or that only a newer version can read."""
    try:
        return policies_of(await scheduler.definition(name))
    except StoreUnavailableError:
        raise
    except StoreError:
        return []


async def _history(scheduler: Scheduler, name: str) -> list[RunInfo]:
    found: list[RunInfo] = []
    while len(found) < _RUNS_READ:
        page = await scheduler.runs(name, _READ_AT_ONCE, len(found))
        found += page
        if len(page) < _READ_AT_ONCE:
            break
    return found


def coming(job: JobInfo, schedule: Schedule | None) -> Sequence[Upcoming]:
    """The next fire times from the one that it expects; none for a job that makes no ticks."""
    if schedule is None or job.next_fire is None:
        return []
    return schedule.upcoming(FIRES_SHOWN, after=job.next_fire - timedelta(milliseconds=1))


def days_of(runs: Iterable[RunInfo], gaps: Iterable[GapInfo], today: date) -> list[Day]:
    """The last weeks up to today, each day with what became of its ticks."""
    first = today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
    counts: dict[date, Counter[str]] = {}
    for day, kind, count in [*_of_runs(runs), *_of_gaps(gaps)]:
        counts.setdefault(day, Counter())[kind] += count
    length = (today - first).days + 1
    days = (first + timedelta(days=number) for number in range(length))
    return [Day(day, counts.get(day, {})) for day in days]


def _of_runs(runs: Iterable[RunInfo]) -> Iterator[tuple[date, str, int]]:
    for run in runs:
        if run.shard is None and run.ended_at:
            yield run.fire_time.date(), run.state, 1


def _of_gaps(gaps: Iterable[GapInfo]) -> Iterator[tuple[date, str, int]]:
    """A gap over several days is spread over them evenly: its ticks are not kept one by one."""
    for gap in gaps:
        kind = "missed" if gap.reason in _MISSED else "skipped"
        length = (gap.last.date() - gap.first.date()).days + 1
        for number in range(min(length, 7 * WEEKS)):
            share = gap.count * (length - number) // length
            rest = gap.count * (length - number - 1) // length
            yield gap.last.date() - timedelta(days=number), kind, max(share - rest, 1)


def lateness_chart(job: JobInfo, runs: Sequence[RunInfo]) -> Chart | None:
    """How long after they were due ticks started: of first attempts, the others were to wait."""
    ticks = [run for run in runs if run.kind == "tick" and run.attempt == 1 and run.shard is None]
    lengths = [
        (run, run.started_at - due_time(run, job)) for run in ticks[:RUNS_CHARTED] if run.started_at
    ]
    return _chart("How late ticks started", "late", lengths)


def duration_chart(runs: Sequence[RunInfo]) -> Chart | None:
    """How long the last attempts took."""
    lengths = [
        (run, run.ended_at - run.started_at)
        for run in [each for each in runs if each.shard is None][:RUNS_CHARTED]
        if run.started_at and run.ended_at
    ]
    return _chart("How long runs took", "long", lengths)


def _chart(label: str, how: str, lengths: Sequence[tuple[RunInfo, timedelta]]) -> Chart | None:
    if not lengths:
        return None
    values = [
        Dot(
            max(length.total_seconds(), 0),
            run.state,
            f"{clock(run.fire_time)} UTC: {span(length)} {how}, {run.state.replace('_', ' ')}",
        )
        for run, length in reversed(lengths)
    ]
    seconds = [value.length_s for value in values]
    middle, most = (span(timedelta(seconds=s)) for s in (middle_of(seconds), max(seconds)))
    words = f"{middle} in the middle, {most} at the most, over the last {len(values)}"
    return Chart(dots(f"{label}: {words}", values), words)
