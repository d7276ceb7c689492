"""The claim: of a hundred rivals for one tick exactly one gets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cronfleet.model import (
    Claim,
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
    ClaimAnswer,
    ClaimItem,
    Granted,
    IfActive,
    NotGranted,
    PendingClaim,
    Skipped,
    TickClaim,
)
from cronfleet.stores.steps.gaps import add_gap
from cronfleet.stores.steps.overlap import hold_back, is_full, new_run
from cronfleet.stores.steps.records import Records, SessionRecord
from cronfleet.stores.steps.replacing import make_way
from cronfleet.stores.steps.shards import split


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
    job = run and records.job(run.id.job)
    if run is None or job is None or job.removed or run.state is not RunState.PENDING:
        return NotGranted.LOST
    if run.not_before > records.now:
        return NotGranted.NOT_DUE
    return _grant(records, session, job, run)


def _claim_tick(records: Records, session: SessionRecord, item: TickClaim) -> ClaimAnswer:
    job = records.job(item.job)
    if job is None or not _is_as_seen(job, item):
        return NotGranted.LOST
    settled = item.settles
    if not job.expected or max(job.expected.due, settled) > records.now:
        return NotGranted.NOT_DUE
    since = item.expected if job.since < 0 else job.since
    moved = replace(job, expected=item.following, watermark=settled, since=since)
    if item.gap:
        add_gap(records, job, item.gap)
    if item.fire_time is None:
        records.put_job(moved)
        return Skipped(item.gap.reason if item.gap else Reason.MISFIRE)
    run = RunId(job.name, item.fire_time)
    if records.run(run):
        records.put_job(moved)  # The record proves that somebody settled it.
        return NotGranted.LOST
    if is_full(job) and item.if_active is IfActive.REPLACE:
        moved = make_way(records, moved, run)
    if is_full(moved):
        records.put_job(moved)
        return hold_back(records, job, item, item.fire_time)
    records.put_job(replace(moved, active=moved.active + 1))
    made = new_run(records, job, run, Kind.TICK)
    first = made if made.shards == 1 else split(records, made)
    return _grant(records, session, job, first)


def _is_as_seen(job: JobRecord, item: TickClaim) -> bool:
    return (
        job.expected is not None
        and job.expected.fire_time == item.expected
        and job.generation == item.generation
        and item.expected > job.watermark
        and not job.paused
    )


def _grant(records: Records, session: SessionRecord, job: JobRecord, run: RunRecord) -> ClaimAnswer:
    token = records.next_token()
    records.put_run(
        replace(
            run,
            state=RunState.CLAIMED,
            token=token,
            on_lost=job.on_lost,  # As those say who are to run it, whoever it was made for.
            session=session.id,
            instance=session.label,
            claimed_at=records.now,
            outcome=None,
        )
    )
    return Granted(Claim(run.id, run.kind, token, run.attempt, job.digest, run.shards))
