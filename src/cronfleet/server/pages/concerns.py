"""What a person had better look at, in words that name the job and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain

from cronfleet import GapInfo, InstanceInfo, JobInfo, RunInfo
from cronfleet.server.pages.fleet import Fleet
from cronfleet.server.pages.rendering import clock, span

LATE_AFTER = timedelta(seconds=5)
"""How long a tick may be due before it is called late."""

MISSED_WITHIN = timedelta(days=1)
"""How long a missed tick is told of."""

FAILURES = frozenset({"failed", "timed_out", "lost"})
_MISSED = {
    "misfire": "came too late for the job's policy",
    "no_instance": "had no instance that knows the job",
    "overlap": "fell into a run that was still under way",
    "poisoned": "fell while the job was paused as poisoned",
}
_WHAT_TO_DO_ABOUT_MISSED = {
    "misfire": "Back-fill what is still wanted; longer misfire_grace makes late ticks run.",
    "no_instance": "Start an instance of its program, then back-fill what is still wanted.",
    "overlap": 'See how long its runs take; overlap="wait" lets the newest tick wait.',
    "poisoned": "Find what ends its process, then resume it.",
}
_MOST_WORDS = 200


class Weight(StrEnum):
    """How much a concern weighs; the heavier first."""

    BAD = "bad"
    """Something does not run, or did not end well."""
    WARN = "warn"
    """Something will need a person."""
    MILD = "mild"
    """A person wanted it so, and may have forgotten it."""


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing to look at."""

    weight: Weight
    title: str
    detail: str
    to_do: str
    at: datetime | None = None
    """Since when, or when it was."""
    job: str | None = None
    run: str | None = None
    at_words: str = ""
    """What is said before that time."""


def concerns_of(fleet: Fleet) -> list[Concern]:
    """The heaviest first, then the newest."""
    found = chain(
        _of_store(fleet),
        _of_absence(fleet),
        _of_health(fleet),
        (_silent(each, fleet) for each in fleet.instances if is_silent(each, fleet)),
        *(_of_job(job, fleet) for job in fleet.jobs),
    )
    weights = list(Weight)
    return sorted(
        found,
        key=lambda each: (weights.index(each.weight), each.job is not None, _age(each, fleet)),
    )


def is_silent(instance: InstanceInfo, fleet: Fleet) -> bool:
    """Whether half of its lease has passed since it was heard of: it renews each third."""
    return silence_of(instance, fleet) > fleet.session_ttl / 2


def silence_of(instance: InstanceInfo, fleet: Fleet) -> timedelta:
    """How long ago an instance was heard of."""
    return max(fleet.now - (instance.expires_at - fleet.session_ttl), timedelta())


def _age(concern: Concern, fleet: Fleet) -> timedelta:
    return fleet.now - concern.at if concern.at else timedelta()


def _of_store(fleet: Fleet) -> Iterator[Concern]:
    if fleet.trouble:
        yield Concern(
            Weight.BAD,
            f"The store {fleet.health.store} does not answer",
            fleet.trouble,
            "What is below was known then. Start it, or see to the way there; "
            "the instances go on by themselves.",
            fleet.now,
            at_words="last heard from",
        )


def _of_absence(fleet: Fleet) -> Iterator[Concern]:
    if not fleet.at_work:
        yield Concern(
            Weight.BAD,
            "No instance is at work",
            "Nothing runs until one is.",
            "Start one: `cronfleet run`.",
        )


def _of_health(fleet: Fleet) -> Iterator[Concern]:
    if not fleet.trouble and not fleet.health.ready:
        yield Concern(
            Weight.BAD,
            "This instance makes no claims",
            fleet.health.detail,
            "`cronfleet doctor` tells more; other instances are not held up by it.",
        )
    if fleet.health.backlog:
        yield Concern(
            Weight.BAD,
            "More is due than is started",
            fleet.health.backlog,
            "Start another instance, or spread what is due at the same time (H, jitter).",
        )


def _silent(instance: InstanceInfo, fleet: Fleet) -> Concern:
    silence = silence_of(instance, fleet)
    return Concern(
        Weight.BAD,
        f"{instance.label} is not heard from",
        f"It was heard of last {span(silence)} ago and holds {_counted(instance.held, 'run')}: "
        f"{_heirs(instance, fleet)}.",
        "See whether its process and its machine are alive.",
        fleet.now - silence,
    )


def _heirs(instance: InstanceInfo, fleet: Fleet) -> str:
    """Who takes over what a silent instance holds, and when."""
    has_others = any(each.id != instance.id for each in fleet.at_work)
    if has_others:
        return "the others take over when its lease is over"
    return "no other instance is at work to take over, the next one that starts does"


def _of_job(job: JobInfo, fleet: Fleet) -> Iterator[Concern]:
    if job.paused_reason == "poisoned":
        yield Concern(
            Weight.BAD,
            f"{job.name} is paused as poisoned",
            "A run of it lost its instance three times in a row.",
            "Find what ends its process, then resume it.",
            job=job.name,
        )
    elif job.state == "paused":
        yield _paused(job, fleet)
    if job.undeclared_since:
        yield Concern(
            Weight.BAD,
            f"{job.name} has no instance",
            "No instance at work declares it, or has its handler.",
            f"Start an instance of the program {job.program}, or remove the job.",
            job.undeclared_since,
            job.name,
        )
    yield from _lateness(job, fleet)
    last = fleet.last_run(job.name)
    if last and (last.outcome or last.state) in FAILURES:
        yield _failure(last)
    latest = fleet.latest.get(job.name)
    if latest and latest.gaps and _is_news(latest.gaps[0], fleet):
        yield _missed(latest.gaps[0])


def _paused(job: JobInfo, fleet: Fleet) -> Concern:
    return Concern(
        Weight.MILD,
        f"{job.name} is paused{f' by {job.paused_by}' if job.paused_by else ''}",
        job.paused_why,
        _resumes(job, fleet.now),
        fleet.paused_at.get(job.name),
        job.name,
        at_words="since",
    )


def _resumes(job: JobInfo, now: datetime) -> str:
    match job.paused_until:
        case None:
            return "It makes no ticks until somebody resumes it."
        case end if end <= now:
            return "Its pause is over: an instance of its program, once at work, resumes it."
        case end:
            return f"It makes no ticks until it is resumed by itself at {clock(end)} UTC."


def _lateness(job: JobInfo, fleet: Fleet) -> Iterator[Concern]:
    """A tick at its job's limit is not late: its overlap rule decides about it when it is claimed."""
    due = job.next_due
    if due is None or job.undeclared_since or fleet.now - due <= LATE_AFTER:
        return
    yield Concern(
        Weight.BAD,
        f"{job.name} is late",
        f"Its tick is due since {span(fleet.now - due)}, and no instance has claimed it.",
        f"See under Instances whether one of the program {job.program} is at work.",
        due,
        job.name,
    )


def _failure(run: RunInfo) -> Concern:
    outcome = run.outcome or run.state
    words = {"failed": "failed", "timed_out": "took too long", "lost": "lost its instance"}
    again = run.state == "pending"
    return Concern(
        Weight.WARN if again else Weight.BAD,
        f"{run.job} {words[outcome]}",
        (run.error or run.reason or "").strip()[-_MOST_WORDS:],
        f"Attempt {run.attempt} follows by itself."
        if again
        else "Read the run, mend what is wrong, then trigger the job if it cannot wait.",
        run.ended_at or run.created_at,
        run.job,
        run.id,
    )


def _is_news(gap: GapInfo, fleet: Fleet) -> bool:
    return gap.reason in _MISSED and fleet.now - gap.last < MISSED_WITHIN


def _missed(gap: GapInfo) -> Concern:
    return Concern(
        Weight.WARN,
        f"{gap.job} missed {_counted(gap.count, 'tick')}",
        f"{'It' if gap.count == 1 else 'They'} {_MISSED[gap.reason]}.",
        _WHAT_TO_DO_ABOUT_MISSED[gap.reason],
        gap.last,
        gap.job,
    )


def _counted(count: int, what: str) -> str:
    number = f"{count:,}" if count <= 10_000 else "more than 10,000"  # Not counted beyond.
    return f"{number} {what}{'' if count == 1 else 's'}"
