"""Rules of jobs and their ticks."""

from __future__ import annotations

from collections.abc import Iterator

from cronfleet.model import MAX_COUNTED, Gap, JobRecord, Kind, RunId
from tests.simulation.case import Job
from tests.simulation.mirror import Mirror, Step


def the_watermark_only_rises(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.jobs.values():
        if old and new.watermark < old.watermark:
            yield f"{new.name} from {old.watermark} to {new.watermark}"
        if new.expected and new.expected.fire_time <= new.watermark:
            yield f"{new.name} expects {new.expected}, which is settled"


def every_settled_tick_has_a_run_or_a_gap(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.jobs.values():
        if old is None or new.watermark <= old.watermark or old.expected is None:
            continue
        gaps = [each.gap for each in step.gaps if each.job == new.name]
        for fire_time in _fires(mirror.definitions[old.digest], old, new.watermark):
            has_run = RunId(new.name, fire_time) in step.runs or _ran(mirror, new.name, fire_time)
            has_gap = any(gap.first <= fire_time <= gap.last for gap in gaps)
            if not has_run and not has_gap:
                yield f"{new.name}@{fire_time} is passed over"


def a_tick_is_settled_once(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        if old is None and new.kind is Kind.TICK and not new.id.is_shard:
            job, _ = step.jobs.get(new.id.job, (None, None))
            if job is None or new.id.fire_time <= job.watermark:
                yield f"{new.id} was made, and {job and job.watermark} settled before"
    for record in step.gaps:
        gap, kept = record.gap, mirror.gaps[record.job].get(record.gap.first)
        ran = [t for t in _in_gap(mirror, record.job, gap) if not kept or t > kept.gap.last]
        if ran:
            yield f"{record.job}: {gap} holds ticks that have runs: {ran}"


def a_gap_counts_its_ticks(step: Step, mirror: Mirror) -> Iterator[str]:
    for record in step.gaps:
        job = mirror.jobs.get(record.job)
        if job is None or record.job not in step.jobs:
            continue
        before = mirror.gaps[record.job].get(record.gap.first)
        counted = before.gap.count if before else 0
        since = before.gap.last + 1 if before else record.gap.first
        new = [
            t for t in _fires(mirror.definitions[job.digest], job, record.gap.last) if t >= since
        ]
        if record.gap.count != min(counted + len(new), MAX_COUNTED + 1):
            yield f"{record.job}: {record.gap} holds {counted} and {new}"


def ticks_follow_the_schedule(step: Step, mirror: Mirror) -> Iterator[str]:
    if step.request.op != "claim":
        return
    for old, new in step.jobs.values():
        if old is None or new.expected == old.expected:
            continue
        job = mirror.definitions[new.digest]
        following = job.next_after(new.watermark)
        if new.expected is None or new.expected.fire_time != following:
            yield f"{new.name}: after {new.watermark} comes {following}, not {new.expected}"
        elif not 0 <= new.expected.due - following <= min(job.jitter, job.period):
            yield f"{new.name}: {new.expected} with a jitter of {job.jitter}"


def what_changes_ticks_raises_the_generation(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.jobs.values():
        if old is None:
            continue
        is_claim = step.request.op == "claim"
        is_changed = _changed(old, new, is_claim=is_claim)
        if new.generation < old.generation or (is_changed and new.generation == old.generation):
            yield f"{old} became {new}"
        if is_claim and new.generation != old.generation:
            yield f"{new.name}: a claim raised the generation"


def a_paused_job_makes_no_ticks(step: Step, mirror: Mirror) -> Iterator[str]:
    if step.request.op != "claim":
        return
    for old, new in step.jobs.values():
        if old and old.paused and new.watermark != old.watermark:
            yield f"{new.name} settled {new.watermark}"


def a_claim_is_of_the_job_as_it_was_seen(step: Step, mirror: Mirror) -> Iterator[str]:
    if step.request.op != "claim":
        return
    seen: dict[str, int] = {}
    for item in step.request.arguments[1]:
        if hasattr(item, "generation"):
            seen.setdefault(item.job, item.generation)
    for old, new in step.jobs.values():
        if old and new.watermark > old.watermark and seen.get(new.name) != old.generation:
            yield f"{new.name} was seen in {seen.get(new.name)}, and was in {old.generation}"


def nothing_is_settled_by_a_claim_before_it_is_due(step: Step, mirror: Mirror) -> Iterator[str]:
    if step.request.op != "claim":
        return
    for old, new in step.jobs.values():
        if old is None or old.expected is None or new.watermark == old.watermark:
            continue
        if max(old.expected.due, new.watermark) > step.now:
            yield f"{new.name}: {old.expected}, settled {new.watermark} at {step.now}"


def active_runs_are_counted_and_kept_within_the_limit(step: Step, mirror: Mirror) -> Iterator[str]:
    touched = {run.job for run in step.runs} | step.jobs.keys()
    for name in touched:
        old, new = step.jobs.get(name, (mirror.jobs.get(name),) * 2)
        if new is None:
            continue
        gone = {run for run, (_, now) in step.runs.items() if not now.is_active}
        come = {run for run, (_, now) in step.runs.items() if now.is_active and run.job == name}
        active = len((mirror.active[name] - gone) | come)
        if new.active != active:
            yield f"{name} counts {new.active}, and {active} are active"
        if old and new.limit and new.active > max(new.limit, old.active):
            yield f"{name} has {new.active} active runs, of {new.limit} at the most"


def _changed(old: JobRecord, new: JobRecord, *, is_claim: bool) -> bool:
    says = (old.digest, old.paused, old.limit) != (new.digest, new.paused, new.limit)
    return says or (not is_claim and old.expected != new.expected)


def _fires(job: Job, record: JobRecord, until: int) -> list[int]:
    """What the job expected, and its schedule's fire times after that."""
    if record.expected is None:
        return []
    first = record.expected.fire_time
    return [first, *job.fires(first + 1, until)]


def _ran(mirror: Mirror, job: str, fire_time: int) -> bool:
    run = RunId(job, fire_time)
    return run in mirror.runs or run in mirror.pruned


def _in_gap(mirror: Mirror, job: str, gap: Gap) -> list[int]:
    made = [run.fire_time for run in mirror.made[job] if gap.first <= run.fire_time <= gap.last]
    return sorted(made)


RULES = (
    the_watermark_only_rises,
    every_settled_tick_has_a_run_or_a_gap,
    a_tick_is_settled_once,
    a_gap_counts_its_ticks,
    ticks_follow_the_schedule,
    what_changes_ticks_raises_the_generation,
    a_paused_job_makes_no_ticks,
    a_claim_is_of_the_job_as_it_was_seen,
    nothing_is_settled_by_a_claim_before_it_is_due,
    active_runs_are_counted_and_kept_within_the_limit,
)
