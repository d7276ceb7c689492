"""What people want to hear of: the conditions that stand in a fleet. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from cronfleet import GapInfo, InstanceInfo, JobInfo, RunInfo

FAILED = frozenset({"failed", "timed_out", "lost"})
"""The states in which a run has ended badly."""

UNDER_WAY = frozenset({"started", "sharded"})
"""The states in which a handler is at work, or the shards of a tick are."""

MISSED = frozenset({"misfire", "no_instance"})
"""The reasons of ticks that somebody wanted, and nobody ran."""

EVENTS_STAND = timedelta(hours=1)
"""For so long something that has happened counts: whoever did not hear of it still does."""

UNSEEN = timedelta(minutes=5)
"""When nobody has looked for so long, that itself is to be told."""

USUAL_TIMES = 3
"""A run may take so many times as long as the longest of those that went well."""

MOST = 60
"""So many conditions are told one by one."""

_LONGEST_ERROR = 200
_LONGEST_TITLE = 160


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that goes wrong until somebody does something, or that has gone wrong."""

    title: str
    """What it is, in a few words: two with one title are the same."""
    said: str
    """What happened, and what to do."""
    is_event: bool = False
    """It has happened, and so can never be over."""


@dataclass(frozen=True, slots=True)
class Rules:
    """From when on something is told. Times that are given for a job by name go before."""

    late_after: timedelta = timedelta(minutes=5)
    """A tick that is due for longer is late."""
    longer_than: timedelta = timedelta(hours=1)
    """A run takes too long after this, and after three times what it took at most."""
    not_succeeded_for: timedelta | None = None
    """How long any job may go without a success; None is for ever."""
    jobs_not_succeeded_for: Mapping[str, timedelta] = field(default_factory=dict[str, timedelta])
    """The same for single jobs."""

    def may_miss(self, job: str) -> timedelta | None:
        return self.jobs_not_succeeded_for.get(job, self.not_succeeded_for)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a fleet stands, as it was read."""

    now: datetime
    """By the store's clock."""
    jobs: Sequence[JobInfo] = ()
    runs: Mapping[str, Sequence[RunInfo]] = field(default_factory=dict[str, Sequence[RunInfo]])
    """Of each job the newest, the newest first, without shards."""
    gaps: Mapping[str, Sequence[GapInfo]] = field(default_factory=dict[str, Sequence[GapInfo]])
    """Of each job the newest, the newest first."""
    instances: Sequence[InstanceInfo] = ()
    downgrades: Sequence[str] = ()
    """Why the store promises less than it could."""
    backlog: str = ""
    """What has been due for too long, and why."""
    looks: Sequence[datetime] = ()
    """When somebody looked, the last time last: all that there were since the first of them."""
    probed: Sequence[Condition] = ()
    """What applications have to tell."""


def conditions(seen: Snapshot, rules: Rules, told: Collection[str] = ()) -> list[Condition]:
    """All that stands, the most urgent first; no title twice.

    Where it is too much, what was told stays: it would seem to be over.
    """
    found = [*_of_fleet(seen), *_of_jobs(seen, rules), *seen.probed]
    single = list({each.title: each for each in reversed(found)}.values())[::-1]
    if len(single) <= MOST:
        return single
    left = len(single) - MOST
    rest = Condition(
        "more goes wrong", f"{left} more conditions stand: see the page, or cronfleet jobs"
    )
    kept = {each.title for each in sorted(single, key=lambda c: c.title not in told)[:MOST]}
    return [*(each for each in single if each.title in kept), rest]


def plain(text: str) -> str:
    """The first line of what somebody else wrote, without controls, and not too long."""
    first = text.strip().partition("\n")[0]
    shown = "".join(c if c.isprintable() else " " for c in first)
    return shown if len(shown) <= _LONGEST_ERROR else shown[: _LONGEST_ERROR - 1] + "…"


# --- the fleet --------------------------------------------------------------------------------


def _of_fleet(seen: Snapshot) -> Iterator[Condition]:
    yield from _unseen(seen)
    yield from _gone(seen)
    if seen.backlog:
        yield Condition(
            "the fleet is overloaded", f"{plain(seen.backlog)}. Start more instances, or run less."
        )
    for each in seen.downgrades:
        title = f"the store promises less: {plain(each)}"[:_LONGEST_TITLE]
        yield Condition(title, f"{plain(each)}. See: cronfleet doctor")


def _unseen(seen: Snapshot) -> Iterator[Condition]:
    for before, after in pairwise(seen.looks):
        if after - before > UNSEEN and seen.now - after <= EVENTS_STAND:
            yield Condition(
                f"nobody looked since {_utc(before)}",
                f"From {_utc(before)} to {_utc(after)} no alert was sent, whatever happened: the "
                "fleet or its store was away, or the alerts were paused. See: cronfleet runs JOB",
                is_event=True,
            )


def _gone(seen: Snapshot) -> Iterator[Condition]:
    """Instances that have taken runs with them, and those that are silent at this moment."""
    lost: dict[str, list[str]] = {}
    for run in _all(seen.runs):
        if run.state == "lost" and run.ended_at and seen.now - run.ended_at <= EVENTS_STAND:
            lost.setdefault(run.instance, []).append(run.id)
    for label, runs in lost.items():
        yield _gone_one(label, f"it took {len(runs)} of its runs with it, such as {runs[0]}")
    for each in seen.instances:
        if each.expires_at < seen.now and each.label not in lost:
            yield _gone_one(each.label, f"it was last heard from before {_utc(each.expires_at)}")


def _gone_one(label: str, what: str) -> Condition:
    return Condition(
        f"instance {label} is gone"[:_LONGEST_TITLE],
        f"The instance {label} is gone without a word: {what}. See why it ended, and whether "
        "enough others are at work: cronfleet doctor",
        is_event=True,
    )


# --- its jobs ---------------------------------------------------------------------------------


def _of_jobs(seen: Snapshot, rules: Rules) -> Iterator[Condition]:
    for job in seen.jobs:
        runs, gaps = seen.runs.get(job.name, ()), seen.gaps.get(job.name, ())
        yield from _poisoned(job)
        yield from _failed(job, runs)
        yield from _missed(job, gaps, seen.now)
        yield from _late(job, seen.now, rules.late_after)
        yield from _long(runs, seen.now, rules.longer_than)
        yield from _not_succeeded(job, runs, gaps, seen.now, rules.may_miss(job.name))


def _poisoned(job: JobInfo) -> Iterator[Condition]:
    if job.paused_reason == "poisoned":
        yield Condition(
            f"{job.name} is poisoned",
            f"{job.name} is paused: {plain(job.paused_why)}. Mend its handler, then: "
            f"cronfleet resume {job.name}",
        )


def _failed(job: JobInfo, runs: Sequence[RunInfo]) -> Iterator[Condition]:
    """Until a run goes well. One that was cancelled says nothing of how the job does."""
    told = [run for run in runs if run.ended_at and run.state in FAILED | {"succeeded"}]
    last = max(told, key=lambda run: (run.ended_at, run.fire_time), default=None)
    if last is None or last.state not in FAILED:
        return
    error = f": {plain(last.error)}" if last.error else ""
    ended = f" at {_utc(last.ended_at)}" if last.ended_at else ""
    yield Condition(
        f"{job.name} failed",
        f"{last.id} {last.state.replace('_', ' ')}{ended}, attempt {last.attempt}, on "
        f"{last.instance or 'no instance'}{error}. See: cronfleet runs {job.name}",
    )


def _missed(job: JobInfo, gaps: Sequence[GapInfo], now: datetime) -> Iterator[Condition]:
    for gap in gaps:
        if gap.reason in MISSED and now - gap.recorded_at <= EVENTS_STAND:
            ticks = "1 tick" if gap.count == 1 else f"{gap.count} ticks"
            yield Condition(
                f"{job.name} was missed, {_utc(gap.first)}",
                f"{ticks} of {job.name} did not run, {_utc(gap.first)} to {_utc(gap.last)} "
                f"({gap.reason}). Why: cronfleet why {job.name} {gap.last:%Y-%m-%dT%H:%M:%SZ}",
                is_event=True,
            )


def _late(job: JobInfo, now: datetime, late_after: timedelta) -> Iterator[Condition]:
    if job.state == "scheduled" and job.next_due and now - job.next_due > late_after:
        nobody = " No instance at work knows it." if job.undeclared_since else ""
        yield Condition(
            f"{job.name} is late",
            f"{job.name} has been due since {_utc(job.next_due)}, and nobody has begun.{nobody} "
            "See: cronfleet doctor",
        )


def _long(runs: Sequence[RunInfo], now: datetime, longer_than: timedelta) -> Iterator[Condition]:
    usual = max((_took(run) for run in runs if run.state == "succeeded"), default=timedelta())
    allowed = max(longer_than, USUAL_TIMES * usual)
    for run in runs:
        if run.state in UNDER_WAY and now - _begun(run) > allowed:
            where = f" on {run.instance}" if run.instance else ""
            yield Condition(
                f"{run.id} runs too long",
                f"{run.id} has run since {_utc(_begun(run))}{where}. "
                f"If it hangs: cronfleet cancel {run.id}",
            )


def _took(run: RunInfo) -> timedelta:
    return run.ended_at - _begun(run) if run.ended_at else timedelta()


def _begun(run: RunInfo) -> datetime:
    """One that has shards is never started itself."""
    return run.started_at or run.created_at


def _not_succeeded(
    job: JobInfo,
    runs: Sequence[RunInfo],
    gaps: Sequence[GapInfo],
    now: datetime,
    longest: timedelta | None,
) -> Iterator[Condition]:
    """Since the last success; or since the first that is known of the job, if there was none."""
    if longest is None:
        return
    successes = [run.ended_at for run in runs if run.state == "succeeded" and run.ended_at]
    known = [run.created_at for run in runs] + [gap.first for gap in gaps]
    since = max(successes, default=None) or min(known, default=None)
    if since is not None and now - since > longest:
        yield Condition(
            f"{job.name} has not succeeded",
            f"{job.name} has had no success since {_utc(since)}. See: cronfleet runs {job.name}",
        )


def _all(runs: Mapping[str, Sequence[RunInfo]]) -> Iterable[RunInfo]:
    return (run for each in runs.values() for run in each)


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
