"""What became of a tick, decided from what is on record. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cronfleet.model import (
    AuditRecord,
    GapRecord,
    Instant,
    Reason,
    RunRecord,
    RunState,
)
from cronfleet.store import LOSSES_ALLOWED
from cronfleet.why.explanation import TickVerdict
from cronfleet.why.facts import Facts
from cronfleet.why.presence import NOBODY, Presence, presence

_V = TickVerdict

_OF_STATE = {
    RunState.WAITING: _V.WAITING,
    RunState.PENDING: _V.WAITING,
    RunState.CLAIMED: _V.WAITING,
    RunState.STARTED: _V.RUNNING,
    RunState.SHARDED: _V.RUNNING,
    RunState.SUCCEEDED: _V.SUCCEEDED,
    RunState.FAILED: _V.FAILED,
    RunState.TIMED_OUT: _V.TIMED_OUT,
    RunState.CANCELLED: _V.CANCELLED,
    RunState.LOST: _V.LOST,
}

WELL = frozenset({_V.SUCCEEDED, _V.RUNNING, _V.WAITING, _V.TO_COME})

SOON_MS = 2_000
"""An instance that has room comes to a due tick sooner than this."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The verdict, and on which of the facts it rests."""

    verdict: TickVerdict
    is_well: bool = False
    orders: Sequence[AuditRecord] = ()
    """The oldest first."""
    in_the_way: Sequence[RunRecord] = ()
    presence: Presence = NOBODY


def decide(facts: Facts) -> Decided:
    """What became of the tick. What is on record goes before what would follow from schedules."""
    if facts.run is not None:
        return _seen_by_the_clock(facts, _of_run(facts, facts.run))
    if facts.gap is not None:
        return _of_gap(facts, facts.gap)
    if facts.fire_time is None:
        is_by_the_clock = facts.asked.is_moved
        return Decided(_V.CLOCK_CHANGE if is_by_the_clock else _V.NO_FIRE_TIME)
    if facts.fire_time <= facts.job.watermark:
        return _unrecorded(facts, facts.fire_time)
    return _seen_by_the_clock(facts, _not_settled(facts, facts.fire_time))


def _seen_by_the_clock(facts: Facts, decided: Decided) -> Decided:
    """Where all is well with a tick that was moved, the clock is all that there is to tell."""
    if facts.asked.is_moved and decided.is_well:
        return Decided(_V.CLOCK_CHANGE, is_well=True, in_the_way=decided.in_the_way)
    return decided


# --- a tick that has a run --------------------------------------------------------------------


def _of_run(facts: Facts, run: RunRecord) -> Decided:
    if run.state is RunState.SKIPPED:
        return _of_skipped(facts, run)
    verdict = _OF_STATE[run.state]
    active = _active_at(facts, facts.now) if run.state is RunState.WAITING else ()
    return Decided(
        verdict,
        is_well=verdict in WELL and facts.gone is None,
        orders=_cancelled_by(facts, run) if verdict is _V.CANCELLED else (),
        in_the_way=active,
    )


def _cancelled_by(facts: Facts, run: RunRecord) -> Sequence[AuditRecord]:
    """An order names no run, but it was given when this one was ended, or asked to.

    A newer tick that takes its place, or the end of a tombstone's runs, is no such order.
    """
    at = run.ended_at if run.cancel_asked_at is None else run.cancel_asked_at
    return [each for each in facts.orders if each.verb == "cancel" and each.at == at][:1]


def _of_skipped(facts: Facts, run: RunRecord) -> Decided:
    """It waited, and was not carried out in the end."""
    ended = run.ended_at or facts.now
    match run.reason:
        case Reason.OVERLAP:
            newer = [each for each in facts.runs if each.created_at == ended and each.id != run.id]
            return Decided(_V.OVERLAP, in_the_way=newer[:1] or _active_at(facts, run.created_at))
        case Reason.REMOVED:
            return Decided(_V.REMOVED, orders=_latest(facts, ("remove",), ended))
        case _:
            return Decided(_V.MISFIRE, in_the_way=_active_at(facts, run.created_at))


# --- a tick that lies in a gap ----------------------------------------------------------------


def _of_gap(facts: Facts, record: GapRecord) -> Decided:
    recorded = record.recorded_at
    match record.gap.reason:
        case Reason.OVERLAP:
            when = recorded if record.gap.count == 1 else facts.due
            return Decided(_V.OVERLAP, in_the_way=_active_at(facts, when))
        case Reason.PAUSED | Reason.POISONED:
            return _paused(facts, recorded)
        case Reason.BY_HAND:
            return Decided(_V.BY_HAND, orders=_skipped_by(facts, record))
        case Reason.NO_INSTANCE:
            return Decided(_V.NO_INSTANCE, presence=presence(facts, facts.due, recorded))
        case Reason.REMOVED:
            return Decided(_V.REMOVED, orders=_latest(facts, ("remove",), recorded))
        case Reason.MISFIRE:
            return _missed(facts, recorded)


def _paused(facts: Facts, until: Instant) -> Decided:
    """By a person, or as poisoned, which leaves no order behind but three losses."""
    orders = _latest(facts, ("pause", "resume"), until - 1)
    resumed = [each for each in facts.orders if each.verb == "resume" and each.at == until]
    if orders and orders[0].verb == "pause":
        return Decided(_V.PAUSED, orders=[*orders, *resumed])
    lost = [
        run for run in facts.runs if run.losses > LOSSES_ALLOWED and (run.ended_at or 0) < until
    ]
    verdict = _V.POISONED if lost else _V.PAUSED
    return Decided(verdict, orders=resumed, in_the_way=lost[:1])


def _skipped_by(facts: Facts, record: GapRecord) -> Sequence[AuditRecord]:
    """Who skipped it; a store is adopted job by job, and that is on record afterwards."""
    at = record.recorded_at
    skipped = [each for each in facts.orders if each.at == at and each.verb == "skip_next"]
    # Of one instant there may be several: they skipped one tick each, in their order.
    before = [
        each for each in facts.gaps if each.recorded_at == at and each.gap.first < record.gap.first
    ]
    adopted = [each for each in facts.orders if each.at >= at and each.verb == "adopt"]
    return skipped[len(before) :][:1] or adopted[:1]


def _missed(facts: Facts, until: Instant) -> Decided:
    """Nobody came to it in time: tell whether anybody was there."""
    seen = presence(facts, facts.due, until)
    if seen.witness:
        return Decided(_V.MISFIRE, presence=seen)
    return Decided(_V.STORE_DOWN if seen.survivor else _V.FLEET_DOWN, presence=seen)


# --- a fire time of which nothing is on record ------------------------------------------------


def _not_settled(facts: Facts, fire_time: Instant) -> Decided:
    job = facts.job
    if job.removed:
        return Decided(_V.REMOVED, orders=_latest(facts, ("remove",), facts.now))
    if job.expected is None or fire_time < job.expected.fire_time:
        return Decided(_V.NOT_IN_FORCE, orders=_latest(facts, ("add", "update"), facts.now))
    if job.is_paused_for(facts.due):
        poisoned = job.paused_reason is Reason.POISONED
        orders = _latest(facts, ("pause",), facts.now)
        return Decided(_V.POISONED) if poisoned else Decided(_V.PAUSED, orders=orders)
    if facts.due > facts.now - SOON_MS:
        return Decided(_V.TO_COME, is_well=True)
    return _overdue(facts)


def _overdue(facts: Facts) -> Decided:
    seen = presence(facts, facts.due, facts.now)
    if not facts.instances:
        return Decided(_V.FLEET_DOWN, presence=seen)
    may_run_it = any(each.program == facts.job.program for each in facts.instances)
    is_known = may_run_it and facts.job.undeclared_since is None
    return Decided(_V.OVERDUE if is_known else _V.NO_INSTANCE, presence=seen)


def _unrecorded(facts: Facts, fire_time: Instant) -> Decided:
    """All up to the watermark was settled, as far as it was the job's by then."""
    if fire_time < facts.job.since or facts.keeps_all:
        return Decided(_V.NOT_IN_FORCE, orders=_latest(facts, ("add", "update"), facts.now))
    return Decided(_V.PRUNED)


# --- what else is on record -------------------------------------------------------------------


def _latest(facts: Facts, verbs: Sequence[str], until: Instant) -> Sequence[AuditRecord]:
    """The last such order to the job, if there is one."""
    given = [each for each in facts.orders if each.verb in verbs and each.at <= until]
    return given[-1:]


def _active_at(facts: Facts, instant: Instant) -> Sequence[RunRecord]:
    """The job's other runs that were active then: those that had been started, if any had."""
    active = [run for run in facts.runs if run is not facts.run and _was_active(run, instant)]
    begun = [run for run in active if run.started_at is not None and run.started_at <= instant]
    return begun or active


def _was_active(run: RunRecord, instant: Instant) -> bool:
    if run.state in (RunState.WAITING, RunState.SKIPPED):
        return False
    return run.created_at <= instant and (run.ended_at is None or run.ended_at >= instant)
