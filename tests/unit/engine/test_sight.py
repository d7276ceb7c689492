"""What a peek showed is used without another peek, once, and only while it is fresh."""

from __future__ import annotations

from datetime import timedelta

from cronfleet.clock import ManualClock
from cronfleet.engine.choice import Choice
from cronfleet.engine.sight import FRESH_MS, Sight
from cronfleet.store import PendingClaim
from tests.unit.engine.choosing import BACKUP, NOON, NOON_MS, REPORT, pending, seen, tick

LEFT = Choice([PendingClaim(pending(REPORT).run)], None, seen(tick(BACKUP)))


def looked(clock: ManualClock) -> Sight:
    sight = Sight(clock)
    sight.peeked()
    return sight


def later(clock: ManualClock, span_ms: int) -> int:
    clock.advance(timedelta(milliseconds=span_ms))
    return NOON_MS + span_ms


def test_what_was_not_asked_for_is_answered_once_as_of_now() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock)
    sight.chose(seen(), LEFT)
    now = later(clock, FRESH_MS)
    assert sight.now(now) == seen(tick(BACKUP), now=now)
    assert sight.now(now) is None


def test_what_was_seen_too_long_ago_is_looked_for_anew() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock)
    sight.chose(seen(), LEFT)
    assert sight.now(later(clock, FRESH_MS + 1)) is None


def test_what_was_first_claimed_by_others_is_forgotten() -> None:
    sight = looked(ManualClock(NOON))
    sight.chose(seen(), LEFT)
    sight.forget()
    assert sight.now(NOON_MS) is None


def test_what_was_seen_coming_is_due_when_its_instant_has_come_however_long_ago_that_was() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock)
    coming = tick(REPORT, NOON_MS + 900)
    sight.chose(seen(soon=[coming]), Choice([], NOON_MS + 900))
    assert sight.now(later(clock, 900)) == seen(coming, now=NOON_MS + 900)


def test_nothing_is_foreseen_after_a_claim_for_what_follows_is_not_known() -> None:
    sight = looked(ManualClock(NOON))
    sight.chose(seen(soon=[tick(REPORT, NOON_MS + 9)]), Choice(LEFT.items, None))
    assert sight.now(NOON_MS + 9) is None
