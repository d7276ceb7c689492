"""What becomes of due ticks, and of failed attempts: pure decisions, values in and values out."""

from __future__ import annotations

from dataclasses import dataclass

from cronfleet.model import (
    MAX_COUNTED,
    Fire,
    Gap,
    Instant,
    JobDefinition,
    Misfire,
    Reason,
    Retry,
)
from cronfleet.schedule import Schedule, due_ms

SKIP_GRACE_MS = 60_000
"""How late a tick may be under `misfire="skip"`."""


@dataclass(frozen=True, slots=True)
class Settled:
    """One step of a job's time: the tick to run, if any, the gap before it, and what follows."""

    expected: Instant
    fire_time: Instant | None
    following: Fire | None
    gap: Gap | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A job's definition, with its schedule brought to life."""

    definition: JobDefinition
    schedule: Schedule

    def fire(self, fire_time: Instant) -> Fire:
        """The fire time with the instant at which its tick is due."""
        jitter_ms = self.definition.jitter_ms
        if not jitter_ms:
            return Fire(fire_time, fire_time)
        following = self.schedule.next_after(fire_time)
        return Fire(fire_time, due_ms(self.definition.name, fire_time, following, jitter_ms))

    def wanted_until(self, fire_time: Instant) -> Instant:
        """The last instant at which the tick does not come too late."""
        return self.fire(fire_time).due + _grace_ms(self.definition)

    def first_after(self, start: Instant) -> Fire | None:
        """The first fire after `start`."""
        fire_time = self.schedule.next_after(start)
        return None if fire_time is None else self.fire(fire_time)


def settle(plan: Plan, expected: Instant, now: Instant) -> list[Settled]:
    """What to claim of a job whose tick `expected` is due: oldest first, never empty."""
    following = plan.first_after(expected)
    if (following is None or following.due > now) and not _is_too_late(plan, expected, now):
        return [Settled(expected, expected, following, None)]  # Nearly always.
    if plan.definition.misfire is Misfire.ALL:
        return _settle_all(plan, expected, now)
    newest = _newest_due(plan, expected, now)
    if _is_too_late(plan, newest, now):
        return [_settle_none(plan, expected, newest)]
    return [Settled(expected, newest, plan.first_after(newest), _gap_below(plan, expected, newest))]


def _grace_ms(definition: JobDefinition) -> int:
    return SKIP_GRACE_MS if definition.misfire is Misfire.SKIP else definition.misfire_grace_ms


def _is_too_late(plan: Plan, fire_time: Instant, now: Instant) -> bool:
    return now > plan.wanted_until(fire_time)


def _newest_due(plan: Plan, expected: Instant, now: Instant) -> Instant:
    newest = plan.schedule.previous_before(now + 1)
    if newest is not None and plan.fire(newest).due > now:
        newest = plan.schedule.previous_before(newest)
    # An owed tick of an earlier schedule may lie between two fire times of this one.
    return expected if newest is None else max(expected, newest)


def _settle_none(plan: Plan, expected: Instant, newest: Instant) -> Settled:
    return Settled(
        expected,
        None,
        plan.first_after(newest),
        _gap(plan, expected, newest, Reason.MISFIRE),
    )


def _gap_below(plan: Plan, expected: Instant, fire_time: Instant) -> Gap | None:
    if fire_time == expected:
        return None
    previous = plan.schedule.previous_before(fire_time)
    last = expected if previous is None else max(expected, previous)
    return _gap(plan, expected, last, Reason.MISFIRE)


def _settle_all(plan: Plan, expected: Instant, now: Instant) -> list[Settled]:
    newest = _newest_due(plan, expected, now)
    if _is_too_late(plan, newest, now):
        return [_settle_none(plan, expected, newest)]
    wanted = [newest]
    while len(wanted) < plan.definition.max_catch_up and wanted[-1] > expected:
        previous = plan.schedule.previous_before(wanted[-1])
        older = expected if previous is None else max(expected, previous)
        if _is_too_late(plan, older, now):
            break
        wanted.append(older)
    steps: list[Settled] = []
    for fire_time in reversed(wanted):
        following = plan.first_after(fire_time)
        steps.append(Settled(expected, fire_time, following, _gap_below(plan, expected, fire_time)))
        expected = following.fire_time if following else fire_time
    return steps


def _gap(plan: Plan, first: Instant, last: Instant, reason: Reason) -> Gap:
    return Gap(first, last, count_fires(plan.schedule, first, last), reason)


def count_fires(schedule: Schedule, first: Instant, last: Instant) -> int:
    """How many fire times lie in first <= t <= last, `first` counted; "more" above the bound."""
    return 1 + len(schedule.between(first, last, MAX_COUNTED))


def paused_gap(plan: Plan, expected: Fire | None, now: Instant) -> Gap | None:
    """What a pause swallowed of a job that expected this tick."""
    return due_gap(plan, expected, now, Reason.PAUSED)


def due_gap(plan: Plan, expected: Fire | None, now: Instant, reason: Reason) -> Gap | None:
    """All that is due of a job that expects this tick, as one gap; None if nothing is."""
    if expected is None or expected.due > now:
        return None
    first = expected.fire_time
    last = _newest_due(plan, first, now)
    return _gap(plan, first, last, reason)


def past_gap(plan: Plan, expected: Fire | None, until: Instant, reason: Reason) -> Gap | None:
    """All fire times up to the instant, due or not by their jitter; None if there is none."""
    if expected is None or expected.fire_time > until:
        return None
    first = expected.fire_time
    last = max(first, plan.schedule.previous_before(until + 1) or first)
    return _gap(plan, first, last, reason)


def too_late_gap(plan: Plan, expected: Fire | None, now: Instant, reason: Reason) -> Gap | None:
    """All that comes too late to be run of a job that expects this tick; None if nothing does."""
    return due_gap(plan, expected, now - _grace_ms(plan.definition) - 1, reason)


def retry_in_ms(retry: Retry | None, attempt: int, chance: float) -> int | None:
    """How long to wait before the next attempt; None: there is none.

    `chance` is in [0, 1) and spreads the delay by the retry's jitter.
    """
    if retry is None or attempt >= retry.attempts:
        return None
    try:
        delay = min(retry.first_ms * retry.factor ** (attempt - 1), retry.most_ms)
    except OverflowError:
        delay = retry.most_ms
    return round(delay * (1 + retry.jitter * (2 * chance - 1)))
