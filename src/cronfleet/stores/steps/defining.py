"""Jobs at run time: defined by order, removed, and noted when nobody declares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from cronfleet.model import JobName, JobRecord, ProgramName, Reason, RunRecord, RunState
from cronfleet.store import Declaration, DeclareAnswer, Declared, Foreign, Moved, Order, Ordered
from cronfleet.stores.steps.answers import earlier_answer, remember
from cronfleet.stores.steps.jobs import change, create, revive
from cronfleet.stores.steps.manifests import is_declared
from cronfleet.stores.steps.orders import move, not_paused
from cronfleet.stores.steps.overlap import IN_NO_HAND, REMOVED, end_unstarted, skip
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.runs import make_room

_PAGE = 200


def define(
    records: Records, program: ProgramName, declared: Declaration, seen: int | None, order: Order
) -> DeclareAnswer | Ordered:
    job, verb = records.job(declared.name), "add" if seen is None else "update"
    if job and job.program != program:
        return Foreign(job.program)
    there = job if job and not job.removed else None
    if earlier_answer(records, verb, declared.name, order):
        return Declared.KEPT
    if there and there.digest == declared.digest:
        return Declared.KEPT
    if refused := _refusal(there, seen):
        return refused
    answer = _put_in_force(records, program, job, declared)
    if isinstance(answer, Declared):
        remember(records, verb, declared.name, order)
    return answer


def _refusal(there: JobRecord | None, seen: int | None) -> Ordered | None:
    if there is None:
        return None if seen is None else Ordered.UNKNOWN
    return None if there.generation == seen else Ordered.CHANGED


def _put_in_force(
    records: Records, program: ProgramName, job: JobRecord | None, declared: Declaration
) -> DeclareAnswer:
    """What is ordered is newer than all that was declared before."""
    if job is None:
        return create(records, program, declared)
    if not job.removed:
        return change(records, job, declared, edition=None)
    return revive(records, not_paused(job), declared, edition=None)


def remove(
    records: Records,
    name: JobName,
    moved: Moved,
    order: Order,
    undeclared_ms: int | None,
    limit: int,
) -> Ordered:
    job = records.job(name)
    if job is None:
        return Ordered.UNKNOWN
    if not job.removed:
        if undeclared_ms is not None and not _is_neglected(records, job, undeclared_ms):
            return Ordered.CHANGED
        tombstone = replace(job, removed=True, undeclared_since=None)
        if move(records, job, tombstone, replace(moved, following=None)) is not Ordered.DONE:
            return Ordered.CHANGED
        remember(records, "remove", name, order)
    return _end_runs(records, name, limit)


def _is_neglected(records: Records, job: JobRecord, undeclared_ms: int) -> bool:
    since = job.undeclared_since
    is_long_so = since is not None and since + undeclared_ms <= records.now
    return is_long_so and not is_declared(records, job)


def _end_runs(records: Records, name: JobName, limit: int) -> Ordered:
    """End what nobody has in hand, while its job is a tombstone."""
    job = records.job(name)
    if job is None or not (job.active or records.count_waiting(name)):
        return Ordered.DONE
    unended = list(islice(_unended(records, name), limit + 1))
    for run in unended[:limit]:
        if run.state is RunState.WAITING:
            skip(records, run, Reason.REMOVED)
        else:
            make_room(records, end_unstarted(records, run, REMOVED))
    return Ordered.MORE if len(unended) > limit else Ordered.DONE


def _unended(records: Records, name: JobName) -> Iterator[RunRecord]:
    skipped = 0
    while page := records.runs(name, _PAGE, skipped):
        yield from (run for run in page if run.state in IN_NO_HAND)
        skipped += len(page)


def undeclared(records: Records, names: Sequence[JobName]) -> list[JobRecord]:
    jobs = [job for name in names if (job := records.job(name)) and not job.removed]
    noted = [_noted(records, job) for job in jobs]
    return [job for job in noted if job.undeclared_since is not None]


def _noted(records: Records, job: JobRecord) -> JobRecord:
    since = None
    if not is_declared(records, job):
        before = records.now if job.undeclared_since is None else job.undeclared_since
        since = min(before, records.now)  # A clock that was set back makes nothing last longer.
    if since != job.undeclared_since:
        job = replace(job, undeclared_since=since)
        records.put_job(job)
    return job
