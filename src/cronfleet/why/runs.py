"""The words for a tick that has a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cronfleet.model import InstanceRecord, OnLost, RunRecord, RunState
from cronfleet.why.explanation import TickVerdict
from cronfleet.why.said import Said, Telling, error_of, since, where
from cronfleet.why.times import span, utc

LATE_MS = 1_000
"""What started sooner after it was due was on time."""


def _succeeded(telling: Telling) -> Said:
    run = _run(telling)
    return Said(
        f"{telling.job} ran for {telling.tick}: it {_began(telling)} and succeeded{_took(run)}"
    )


def _failed(telling: Telling) -> Said:
    run = _run(telling)
    advice = f"look at the error of {run.id}, then run it again: cronfleet trigger {telling.job}"
    return Said(
        f"{telling.job} ran for {telling.tick} and failed: it {_began(telling)} and "
        f"failed{_took(run)}{error_of(run)}",
        advice,
    )


def _timed_out(telling: Telling) -> Said:
    run = _run(telling)
    advice = "make it faster, or give the job a longer timeout"
    return Said(
        f"{telling.job} ran for {telling.tick} and was stopped: it {_began(telling)} and was over "
        f"its time limit{_took(run)}{error_of(run)}",
        advice,
    )


def _cancelled(telling: Telling) -> Said:
    run = _run(telling)
    began = "did not run" if run.started_at is None else "was stopped"
    return Said(
        f"{telling.job} {began} for {telling.tick}: it was cancelled"
        f"{telling.by('cancel') or error_of(run)}",
        f"run it after all: cronfleet trigger {telling.job}",
    )


def _lost(telling: Telling) -> Said:
    run = _run(telling)
    late = f"; its outcome came too late: {run.late_outcome}" if run.late_outcome else ""
    what = (
        f"{telling.job} was lost for {telling.tick}: it {_began(telling)}, and its instance was "
        f"gone before it had ended{late}"
    )
    if run.late_outcome:
        return Said(what)
    hint = "" if run.on_lost is OnLost.RERUN else ', or declare on_lost="rerun" if that is harmless'
    return Said(
        what,
        f"see how far it came, then run it again: cronfleet trigger {telling.job}{hint}",
    )


def _running(telling: Telling) -> Said:
    run = _run(telling)
    if run.state is RunState.SHARDED:
        ended = run.tally.ended if run.tally else 0
        return Said(
            f"{telling.job} is running for {telling.tick}: {ended} of its {run.shards} shards have "
            "ended"
        )
    if telling.facts.gone is not None:
        return _silent(telling, telling.facts.gone)
    asked = f"; it was asked to end{since(run.cancel_asked_at)}" if run.cancel_asked_at else ""
    return Said(f"{telling.job} is running for {telling.tick}: it {_began(telling)}{asked}")


def _silent(telling: Telling, gone: InstanceRecord) -> Said:
    """Whether it runs is not known; who closes the session takes it back."""
    known = (
        f"{telling.job} was running for {telling.tick}: it {_began(telling)}, and {gone.label} "
        f"has not been heard of, and its lease ended {utc(gone.expires_at)}"
    )
    if telling.facts.instances:
        advice = f"see whether {gone.label} is alive; the others take its runs back"
        return Said(f"{known}; its runs are to be taken back", advice)
    said = f"{known}; no instance is at work to take its runs back"
    return Said(said, "start an instance, as by cronfleet run, or see what holds the others up")


def _waiting(telling: Telling) -> Said:
    run, now = _run(telling), telling.facts.now
    match run.state:
        case RunState.WAITING if telling.decided.in_the_way:
            other = telling.decided.in_the_way[0]
            why = f"its turn, behind {other.id}{where(other)}{since(other.started_at)}"
            advice = f"if that one hangs: cronfleet cancel {other.id}"
        case RunState.WAITING:
            why, advice = "its turn", ""
        case RunState.CLAIMED:
            why, advice = f"a seat{where(run)}", ""
        case _ if run.not_before > now:
            why = f"attempt {run.attempt}, at {utc(run.not_before)}{error_of(run)}"
            advice = ""
        case _:
            why = "an instance that has a free seat and knows the job"
            advice = "see whether instances are at work: cronfleet doctor"
    return Said(
        f"{telling.job} has not run yet for {telling.tick}: since {utc(run.created_at)} it has "
        f"waited for {why}",
        advice,
    )


def _began(telling: Telling) -> str:
    """As in "was started 2.1 s late on host:1"."""
    run = _run(telling)
    began = run.started_at or run.created_at
    late_ms = began - telling.facts.due
    if run.attempt > 1:
        when = f"at {utc(began)}{where(run)}, as attempt {run.attempt},"
    else:
        when = (f"{span(late_ms)} late" if late_ms >= LATE_MS else "on time") + where(run)
    return f"was started {when}"


def _took(run: RunRecord) -> str:
    if run.started_at is None or run.ended_at is None:
        return ""
    return f" after {span(run.ended_at - run.started_at)}"


def _run(telling: Telling) -> RunRecord:
    run = telling.facts.run
    assert run is not None, "these verdicts are those of a run"  # noqa: S101 - see `deciding`
    return run


RUNS: Mapping[TickVerdict, Callable[[Telling], Said]] = {
    TickVerdict.SUCCEEDED: _succeeded,
    TickVerdict.FAILED: _failed,
    TickVerdict.TIMED_OUT: _timed_out,
    TickVerdict.CANCELLED: _cancelled,
    TickVerdict.LOST: _lost,
    TickVerdict.RUNNING: _running,
    TickVerdict.WAITING: _waiting,
}
"""How each of them is told."""
