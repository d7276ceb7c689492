"""A run after its claim: started, completed, released, lost; and the room that it leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cronfleet.model import (
    TERMINAL,
    Claim,
    JobRecord,
    OnLost,
    Outcome,
    Reason,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.store import LOSSES_ALLOWED, Completion, Recorded, Start
from cronfleet.stores.steps.overlap import REMOVED, end_unstarted, promote
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.shards import ends_active


def job_of(records: Records, run: RunRecord) -> JobRecord:
    """A run's job; jobs outlive their runs."""
    job = records.job(run.id.job)
    if job is None:
        raise LookupError(f"run {run.id} has no job: the store is damaged")
    return job


def claim_of(records: Records, run: RunRecord) -> Claim:
    digest = job_of(records, run).digest
    return Claim(run.id, run.kind, run.token, run.attempt, digest, run.shards)


def start(records: Records, session: SessionId, starts: Sequence[Start]) -> list[bool]:
    mine = records.session(session)
    if mine is None or mine.is_expired(records.now):
        return [False] * len(starts)
    return [_start(records, session, each) for each in starts]


def _start(records: Records, session: SessionId, asked: Start) -> bool:
    run = records.run(asked.run)
    if run is None or run.token != asked.token or run.session != session:
        return False
    if run.state is not RunState.CLAIMED:
        return run.state is RunState.STARTED and run.start_id == asked.start_id
    # The store's clock may have been set back meanwhile, and no start comes before its claim.
    now = max(records.now, run.claimed_at or records.now)
    records.put_run(replace(run, state=RunState.STARTED, start_id=asked.start_id, started_at=now))
    return True


def complete(records: Records, completions: Sequence[Completion]) -> list[Recorded]:
    return [_complete(records, each) for each in completions]


def _complete(records: Records, said: Completion) -> Recorded:
    run = records.run(said.run)
    if run is None or run.token != said.token:
        return Recorded.REFUSED
    if run.state is RunState.STARTED:
        _end_attempt(records, replace(run, error=_error(run, said)), said)
        return Recorded.DONE
    if run.outcome is said.outcome:
        return Recorded.DONE  # Said before; its first answer was lost.
    if run.state is RunState.LOST:
        records.put_run(replace(run, late_outcome=run.late_outcome or said.outcome))
        return Recorded.LATE
    return Recorded.REFUSED


def _error(run: RunRecord, said: Completion) -> str:
    """Of one that was asked to cancel, and was, there is nothing to say but who asked, and why."""
    is_as_asked = run.cancel_asked_at is not None and said.outcome is Outcome.CANCELLED
    return said.kept_error or (run.error if is_as_asked else "")


def _end_attempt(records: Records, run: RunRecord, said: Completion) -> None:
    if said.outcome is Outcome.LOST:
        lose(records, run)
    elif said.retry_in_ms is not None and _may_run_again(records, run):
        again = replace(run, outcome=said.outcome, losses=0)
        _next_attempt(records, again, not_before=records.now + said.retry_in_ms)
    else:
        _end(records, run, said.outcome)


def _may_run_again(records: Records, run: RunRecord) -> bool:
    return run.cancel_asked_at is None and not job_of(records, run).removed


def release(records: Records, claims: Sequence[Claim]) -> list[bool]:
    answers: list[bool] = []
    for claim in claims:
        run = records.run(claim.run)
        mine = run is not None and run.token == claim.token and run.state is RunState.CLAIMED
        if run is not None and mine:
            put_back(records, run)
        answers.append(mine)
    return answers


def put_back(records: Records, run: RunRecord) -> RunRecord:
    """CLAIMED to PENDING: nobody ran it, so the attempt stays. Of a tombstone it is cancelled."""
    if job_of(records, run).removed:
        ended = end_unstarted(records, run, REMOVED)
        make_room(records, ended)
        return ended
    back = replace(run, state=RunState.PENDING, session=None)
    records.put_run(back)
    return back


def lose(records: Records, run: RunRecord) -> RunRecord:
    """A started run has nobody left who will tell how it ended.

    `losses` counts dead sessions, each of which loses a run once: an instance that lives to tell
    of its loss was not killed by the run.
    """
    lost = replace(run, outcome=Outcome.LOST)
    if run.on_lost is OnLost.ABANDON or not _may_run_again(records, run):
        return _end(records, lost, Outcome.LOST)
    if lost.losses <= LOSSES_ALLOWED:
        return _next_attempt(records, lost, not_before=records.now)
    _poison(records, lost)
    return _end(records, lost, Outcome.LOST)


def _next_attempt(records: Records, run: RunRecord, *, not_before: int) -> RunRecord:
    again = replace(
        run,
        state=RunState.PENDING,
        attempt=run.attempt + 1,
        not_before=not_before,
        session=None,
        start_id=None,
    )
    records.put_run(again)
    return again


def _poison(records: Records, run: RunRecord) -> None:
    job = job_of(records, run)
    if not job.paused or job.paused_until is not None:
        records.put_job(
            replace(
                job,
                generation=job.generation + 1,
                paused=True,
                paused_reason=Reason.POISONED,
                paused_by="",
                paused_why=f"run {run.id} lost its instance {run.losses} times in a row",
                paused_until=None,
            )
        )


def make_room(records: Records, ended: RunRecord) -> None:
    """An active run has ended: its job's oldest waiting one may go on, if that leaves room."""
    if ends_active(records, ended):
        job = job_of(records, ended)
        promote(records, replace(job, active=job.active - 1))


def _end(records: Records, run: RunRecord, outcome: Outcome) -> RunRecord:
    ended = replace(
        run,
        state=RunState(outcome),
        outcome=outcome,
        ended_at=records.now,
        session=None,
        start_id=None,
    )
    if ended.state not in TERMINAL:
        raise ValueError(f"{outcome} does not end a run")
    records.put_run(ended)
    make_room(records, ended)
    return ended
