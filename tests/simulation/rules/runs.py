"""Rules of runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cronfleet.model import (
    HELD,
    TERMINAL,
    TRANSITIONS,
    Kind,
    OnLost,
    Outcome,
    RunRecord,
    RunState,
)
from tests.simulation.mirror import Mirror, Step

MOST_LOSSES = 2


def a_run_goes_only_where_the_table_says(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        before = old.state if old else None
        if before is not new.state and (before, new.state) not in TRANSITIONS:
            yield f"{new.id} from {before} to {new.state}"


def what_has_ended_never_changes(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        if old is None or old.state not in TERMINAL:
            continue
        may_be_late = old.state is RunState.LOST and old.late_outcome is None
        if new != (replace(old, late_outcome=new.late_outcome) if may_be_late else old):
            yield f"{old} became {new}"


def tokens_grow(step: Step, mirror: Mirror) -> Iterator[str]:
    greatest = mirror.greatest_token
    given = [new.token for old, new in step.runs.values() if new.token != (old.token if old else 0)]
    if given and (min(given) <= greatest or len(set(given)) < len(given)):
        yield f"{given} after {greatest}"
    for old, new in step.runs.values():
        was_claimed = new.state is RunState.CLAIMED and (not old or old.state is not new.state)
        if was_claimed != (new.token != (old.token if old else 0)):
            yield f"{new.id}: {old and old.token} became {new.token} as it became {new.state}"


def only_a_session_that_holds_claims_and_starts(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        if new.state not in HELD or (old and old.state is new.state):
            continue
        session = mirror.sessions.get(new.session) if new.session else None
        if session is None or session.expires_at <= step.now:
            yield f"{new.id} became {new.state} in {session}"
        if new.state is RunState.STARTED and (old is None or old.session != new.session):
            yield f"{new.id} was started by another session than it was granted to"


def nothing_is_claimed_before_its_time(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        if new.state is RunState.CLAIMED and old and old.state is RunState.PENDING:
            if old.not_before > step.now:
                yield f"{new.id} at {step.now}, not before {old.not_before}"
        elif _is_new_tick(old, new) and new.id.fire_time > step.now:
            yield f"{new.id} was made at {step.now}"


def attempts_count_one_by_one(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        again = bool(old and old.state is RunState.STARTED and new.state is RunState.PENDING)
        before = old.attempt if old else 1
        if new.attempt != before + again:
            yield f"{new.id} has attempt {new.attempt} after {before}, {new.state}"


def a_lost_run_runs_again_only_if_its_job_says_so(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        if old is None or old.state is not RunState.STARTED or new.state is old.state:
            continue
        if new.outcome is not Outcome.LOST:
            continue
        may_run_again = (
            old.on_lost is OnLost.RERUN
            and not mirror.jobs[old.id.job].removed
            and old.cancel_asked_at is None
            and new.losses <= MOST_LOSSES
        )
        if may_run_again != (new.state is RunState.PENDING):
            yield f"{new.id} ({old.on_lost}, lost {new.losses} times) became {new.state}"


def a_run_is_swept_only_when_its_session_is_gone(step: Step, mirror: Mirror) -> Iterator[str]:
    if step.request.op != "sweep":
        return
    for old, _new in step.runs.values():
        if old and old.state in HELD and old.session in mirror.sessions:
            yield f"{old.id} of {old.session}, which is open"


def a_write_about_a_run_needs_its_token(step: Step, mirror: Mirror) -> Iterator[str]:
    if step.request.op not in {"start", "complete", "release"}:
        return
    shown = {(each.run, each.token) for each in step.request.arguments[-1]}
    for old, new in step.runs.values():
        if old is None or old.state is RunState.WAITING or old.state is RunState.SHARDED:
            continue  # The next one in the queue, or the tick of a shard.
        if (old.id, old.token) not in shown:
            yield f"{_short(old)} became {_short(new)} by {sorted(shown)}"


def a_completed_run_has_the_outcome_that_was_said(step: Step, mirror: Mirror) -> Iterator[str]:
    if step.request.op != "complete":
        return
    said = {(each.run, each.token): each.outcome for each in step.request.arguments[0]}
    for old, new in step.runs.values():
        if old and old.state is RunState.STARTED:
            outcome = said.get((old.id, old.token))
            if new.outcome is not outcome:
                yield f"{new.id}: said {outcome}, kept {new.outcome}"


def _is_new_tick(old: RunRecord | None, new: RunRecord) -> bool:
    return old is None and new.kind is Kind.TICK and not new.id.is_shard


def _short(run: RunRecord) -> str:
    return f"{run.id} {run.state} ({run.token})"


def a_run_is_granted_as_its_definition_says(step: Step, mirror: Mirror) -> Iterator[str]:
    for old, new in step.runs.values():
        if new.state is RunState.CLAIMED and (old is None or old.state is not new.state):
            job, _ = step.jobs.get(new.id.job, (None, None))
            job = job or mirror.jobs[new.id.job]
            if new.on_lost != mirror.definitions[job.digest].on_lost:
                yield f"{new.id} says {new.on_lost}"


RULES = (
    a_run_is_granted_as_its_definition_says,
    a_run_goes_only_where_the_table_says,
    what_has_ended_never_changes,
    tokens_grow,
    only_a_session_that_holds_claims_and_starts,
    nothing_is_claimed_before_its_time,
    attempts_count_one_by_one,
    a_lost_run_runs_again_only_if_its_job_says_so,
    a_run_is_swept_only_when_its_session_is_gone,
    a_write_about_a_run_needs_its_token,
    a_completed_run_has_the_outcome_that_was_said,
)
