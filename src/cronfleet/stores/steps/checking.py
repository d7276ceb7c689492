"""The invariants that a store can show, and how each is mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cronfleet.model import (
    HELD,
    TERMINAL,
    AuditRecord,
    JobName,
    JobRecord,
    OnLost,
    Outcome,
    Reason,
    RunId,
    RunRecord,
    RunState,
    Tally,
)
from cronfleet.store import (
    BY_HAND,
    CLOCK_STEP_BACK_MS,
    LOSSES_ALLOWED,
    MOST_AUDIT,
    Fault,
    FaultKind,
    Moved,
    Order,
)
from cronfleet.stores.steps.overlap import IN_NO_HAND, REMOVED, cancelled, promote, skipped
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.shards import with_tally

_PAGE = 200
NO_SESSION = "it had no session, so nobody could tell how it ended"


@dataclass
class _Checkup:
    """A job as it is mended, and what was found so far."""

    job: JobRecord
    mends: bool
    faults: list[Fault] = field(default_factory=list[Fault])

    def found(self, kind: FaultKind, where: str, *, mended: bool | None = None) -> None:
        mended = self.mends and kind not in BY_HAND if mended is None else mended
        self.faults.append(Fault(kind, where, mended))


def check(
    records: Records, name: JobName, moved: Moved | None, repair: Order | None
) -> list[Fault]:
    job = records.job(name)
    if job is None:
        return []
    checkup = _Checkup(job, repair is not None)
    _check_ticks(records, checkup, moved)
    if records.definition(job.digest) is None:
        checkup.found(FaultKind.NO_DEFINITION, _of(job))
    _check_runs(records, checkup)
    if repair:
        promote(records, checkup.job)
    _put_on_record(records, checkup.faults, name, repair)
    return checkup.faults


def _of(job: JobRecord) -> str:
    return f"job {job.name}"


def _check_ticks(records: Records, checkup: _Checkup, moved: Moved | None) -> None:
    job = checkup.job
    is_future = job.watermark > records.now + CLOCK_STEP_BACK_MS
    is_settled = job.expected is not None and job.expected.fire_time <= job.watermark
    if not (is_future or is_settled):
        return
    watermark = min(job.watermark, records.now) if is_future else job.watermark
    mends = checkup.mends and moved is not None and _is_sound(job, moved, watermark)
    if is_future:
        checkup.found(FaultKind.FUTURE_WATERMARK, _of(job), mended=mends)
    if is_settled:
        checkup.found(FaultKind.SETTLED_EXPECTED, _of(job), mended=mends)
    if moved and mends:
        checkup.job = replace(
            job,
            generation=job.generation + 1,
            watermark=watermark,
            expected=None if job.removed else moved.following,
        )


def _is_sound(job: JobRecord, moved: Moved, watermark: int) -> bool:
    expected = job.expected.fire_time if job.expected else None
    is_as_seen = (job.generation, expected) == (moved.generation, moved.expected)
    return is_as_seen and (moved.following is None or moved.following.fire_time > watermark)


def _check_runs(records: Records, checkup: _Checkup) -> None:
    active, waiting = 0, 0
    shards: dict[RunId, list[Outcome | None]] = {}
    for run in _runs(records, checkup.job.name):  # Shards come before their tick.
        now = _check_run(records, checkup, run)
        if run.tally is not None:
            now = _check_shards(checkup, now, shards.pop(run.id, []), records.now)
        if now != run and checkup.mends:
            records.put_run(now)
        counted = now if checkup.mends else run
        if run.id.is_shard:
            outcome = counted.outcome if counted.state in TERMINAL else None
            shards.setdefault(run.id.whole, []).append(outcome)
        active += counted.is_active
        waiting += counted.state is RunState.WAITING
    job = checkup.job
    if job.active != active:
        checkup.found(FaultKind.ACTIVE_COUNT, _of(job))
        if checkup.mends:
            checkup.job = replace(job, active=active)
    if waiting and not (job.removed or (job.limit and active >= job.limit)):
        checkup.found(FaultKind.NEEDLESS_WAIT, _of(job))


def _check_shards(
    checkup: _Checkup, tick: RunRecord, shards: list[Outcome | None], now: int
) -> RunRecord:
    """The tick with the counts of its shards, as each of them ended or has not."""
    missing = [Outcome.LOST] * (tick.shards - len(shards))
    tally = Tally()
    for outcome in [each for each in shards if each] + missing:
        tally = tally.and_one(outcome)
    counted = with_tally(tick, tally, now)
    if (counted.tally, counted.state) != (tick.tally, tick.state):
        checkup.found(FaultKind.SHARDS, f"run {tick.id}")
        return counted
    return tick


def _runs(records: Records, name: JobName) -> Iterator[RunRecord]:
    skip = 0
    while page := records.runs(name, _PAGE, skip):
        yield from page
        skip += len(page)


def _check_run(records: Records, checkup: _Checkup, run: RunRecord) -> RunRecord:
    """What is wrong with a run; answers it as it should be."""
    where = f"run {run.id}"
    if run.token > records.fleet().last_token:
        checkup.found(FaultKind.RUN_TOKEN, where)
        if checkup.mends:
            records.put_fleet(replace(records.fleet(), last_token=run.token))
    is_end_wrong = (run.ended_at is not None) != (run.state in TERMINAL)
    is_left = checkup.job.removed and run.state in IN_NO_HAND
    if (run.session is not None) != (run.state in HELD):
        checkup.found(FaultKind.RUN_SESSION, where)
        run = _without_session(run, checkup.job, records.now)
    if is_end_wrong:
        checkup.found(FaultKind.RUN_END, where)
        ends = run.ended_at or records.now
        run = replace(run, ended_at=ends if run.state in TERMINAL else None)
    if is_left:
        checkup.found(FaultKind.REMOVED_RUN, where)
        run = _as_removed(run, records.now)
    return run


def _without_session(run: RunRecord, job: JobRecord, now: int) -> RunRecord:
    """As a sweep would leave it, but that a job is not paused because of it."""
    if run.state is RunState.CLAIMED:
        back = replace(run, state=RunState.PENDING)
        return _as_removed(back, now) if job.removed else back
    if run.state is not RunState.STARTED:
        return replace(run, session=None)
    lost = replace(
        run, outcome=Outcome.LOST, losses=run.losses + 1, start_id=None, error=NO_SESSION
    )
    may_run_again = run.on_lost is OnLost.RERUN and run.cancel_asked_at is None and not job.removed
    if may_run_again and lost.losses <= LOSSES_ALLOWED:
        return replace(lost, state=RunState.PENDING, attempt=run.attempt + 1, not_before=now)
    return replace(lost, state=RunState.LOST, ended_at=now)


def _as_removed(run: RunRecord, now: int) -> RunRecord:
    if run.state is RunState.WAITING:
        return skipped(run, Reason.REMOVED, now)
    return cancelled(run, REMOVED, now)


def _put_on_record(
    records: Records, faults: list[Fault], name: JobName, repair: Order | None
) -> None:
    if repair and any(fault.mended for fault in faults):
        records.put_audit(AuditRecord(records.now, "repair", name, repair.who, repair.why))
        records.drop_audit_beyond(MOST_AUDIT)


def check_fleet(records: Records, repair: Order | None) -> list[Fault]:
    faults: list[Fault] = []
    for session in records.sessions():
        if session.has_stale_expiry(records.now):
            faults.append(
                Fault(FaultKind.SESSION_EXPIRY, f"session {session.id}", repair is not None)
            )
            if repair:
                ends = records.now + session.ttl_ms
                records.put_session(replace(session, expires_at=ends))
    _put_on_record(records, faults, "", repair)
    return faults
