"""The claim: of a hundred rivals for one tick exactly one gets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cronfleet.model import (
    MAX_COUNTED,
    Claim,
    Gap,
    GapRecord,
    JobName,
    JobRecord,
    Kind,
    Reason,
    RunId,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.store import (
    MOST_GAPS,
    ClaimAnswer,
    ClaimItem,
    Granted,
    NotGranted,
    PendingClaim,
    Skipped,
    TickClaim,
)
from cronfleet.stores.steps.records import Records, SessionRecord


def claim(records: Records, session_id: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
    for item in items:
        if isinstance(item, TickClaim):
            _ = item.settles  # One out of order is an error before anything is written.
    session = records.session(session_id)
    if session is None or session.is_expired(records.now):
        return [NotGranted.LOST] * len(items)
    refused: set[JobName] = set()
    answers: list[ClaimAnswer] = []
    for item in items:
        if isinstance(item, PendingClaim):
            answer = _claim_pending(records, session, item)
        elif item.job in refused:
            answer = NotGranted.LOST
        else:
            answer = _claim_tick(records, session, item)
            if isinstance(answer, NotGranted):
                refused.add(item.job)
        answers.append(answer)
    return answers


def _claim_pending(records: Records, session: SessionRecord, item: PendingClaim) -> ClaimAnswer:
    run = records.run(item.run)
    if run is None or run.state is not RunState.PENDING:
        return NotGranted.LOST
    if run.not_before > records.now:
        return NotGranted.NOT_DUE
    job = records.job(run.id.job)
    return NotGranted.LOST if job is None else _grant(records, session, job, run)


def _claim_tick(records: Records, session: SessionRecord, item: TickClaim) -> ClaimAnswer:
    job = records.job(item.job)
    if job is None or not _is_as_seen(job, item):
        return NotGranted.LOST
    settled = item.settles
    if not job.expected or max(job.expected.due, settled) > records.now:
        return NotGranted.NOT_DUE
    moved = replace(job, expected=item.following, watermark=settled)
    if item.gap:
        add_gap(records, job, item.gap)
    if item.fire_time is None:
        records.put_job(moved)
        return Skipped(item.gap.reason if item.gap else Reason.MISFIRE)
    run = RunId(job.name, item.fire_time)
    if records.run(run):
        records.put_job(moved)  # The record proves that somebody settled it.
        return NotGranted.LOST
    if job.limit and job.active >= job.limit:
        add_gap(records, job, Gap(item.fire_time, item.fire_time, 1, Reason.OVERLAP))
        records.put_job(moved)
        return Skipped(Reason.OVERLAP)
    records.put_job(replace(moved, active=job.active + 1))
    return _grant(records, session, job, _new_tick(records, job, run))


def _is_as_seen(job: JobRecord, item: TickClaim) -> bool:
    return (
        job.expected is not None
        and job.expected.fire_time == item.expected
        and job.generation == item.generation
        and item.expected > job.watermark
        and not job.paused
    )


def _new_tick(records: Records, job: JobRecord, run: RunId) -> RunRecord:
    return RunRecord(
        id=run,
        kind=Kind.TICK,
        state=RunState.PENDING,
        attempt=1,
        token=0,
        on_lost=job.on_lost,
        losses=0,
        created_at=records.now,
        not_before=records.now,
    )


def _grant(records: Records, session: SessionRecord, job: JobRecord, run: RunRecord) -> ClaimAnswer:
    token = records.next_token()
    records.put_run(
        replace(
            run,
            state=RunState.CLAIMED,
            token=token,
            session=session.id,
            instance=session.label,
            claimed_at=records.now,
            outcome=None,
        )
    )
    return Granted(Claim(run.id, run.kind, token, run.attempt, job.digest))


def add_gap(records: Records, job: JobRecord, gap: Gap) -> None:
    """Record a gap that follows the job's watermark, as one with a last one that it adjoins."""
    last = next(iter(records.gaps(job.name, limit=1, skip=0)), None)
    if last and _adjoins(last, job, gap):
        count = min(last.gap.count + gap.count, MAX_COUNTED + 1)
        gap = Gap(last.gap.first, gap.last, count, gap.reason)
    records.put_gap(GapRecord(job.name, gap, job.generation, records.now))
    records.drop_gaps_beyond(job.name, MOST_GAPS)


def _adjoins(last: GapRecord, job: JobRecord, gap: Gap) -> bool:
    return (
        last.gap.last == job.watermark
        and last.gap.reason is gap.reason
        and last.generation == job.generation
    )
