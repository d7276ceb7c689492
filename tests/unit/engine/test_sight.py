"""What a peek showed is used without another peek, once, and only while it is fresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.engine.choice import Choice
from cronfleet.engine.sight import FRESH_MS, Sight
from cronfleet.model import Fire
from cronfleet.store import PendingClaim, Seen, TickClaim
from tests.unit.engine.choosing import BACKUP, NOON, NOON_MS, REPORT, pending, seen, tick

LEFT = Choice([PendingClaim(pending(REPORT).run)], None, seen(tick(BACKUP)))


def looked(clock: ManualClock, showed: Seen | None = None, **what: bool) -> Sight:
    """Just now; all that was due was shown, unless it is said otherwise."""
    sight = Sight(clock)
    sight.peeked(
        showed or seen(), is_all=what.get("is_all", True), is_cut=what.get("is_cut", False)
    )
    return sight


def claimed(following: int, *, is_all: bool = True, others_at: int | None = None) -> Choice:
    """A tick is claimed, and the next one of its job is due at that instant."""
    first, then = NOON_MS, Fire(following, following)
    item = TickClaim("report", 3, first, first, then)
    return Choice([item], None, is_all=is_all, others_at=others_at)


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


COMING = seen(soon=[tick(REPORT, NOON_MS + 5), tick(BACKUP, NOON_MS + 9)])


def test_after_a_claim_what_was_seen_coming_is_known_still() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock, COMING)
    sight.chose(COMING, claimed(NOON_MS + 60_000))
    due = sight.now(later(clock, 5))
    assert due
    assert [each.job for each in due.due] == ["report"]
    assert (due.soon, due.next_due) == ([tick(BACKUP, NOON_MS + 9)], NOON_MS + 9)


def test_that_nothing_is_due_is_known_and_when_to_ask_again() -> None:
    """The end of a run wakes the instance, and no look at the store is needed."""
    clock = ManualClock(NOON)
    sight = looked(clock, COMING)
    sight.chose(COMING, claimed(NOON_MS + 60_000))
    first = sight.now(later(clock, 1))
    assert first
    assert (first.due, first.next_due) == ([], NOON_MS + 5)
    sight.chose(first, Choice([], NOON_MS + 5, is_all=True))
    second = sight.now(later(clock, 5))
    assert second
    assert [each.job for each in second.due] == ["report"]


def test_where_nothing_more_is_coming_it_is_asked_again_once_it_is_not_fresh() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock)
    sight.chose(seen(), claimed(NOON_MS + 60_000))
    known = sight.now(NOON_MS)
    assert known
    assert known.next_due == NOON_MS + FRESH_MS + 1
    sight.chose(known, Choice([], known.next_due, is_all=True))
    assert sight.now(later(clock, FRESH_MS + 1)) is None


@pytest.mark.parametrize(
    "choice",
    [
        claimed(NOON_MS + 5),  # the next tick of the same job is due by then
        claimed(NOON_MS + 60_000, others_at=NOON_MS + 5),  # others have left theirs for so long
        claimed(NOON_MS + 60_000, is_all=False),  # there was no seat for the rest
    ],
)
def test_the_store_is_asked_when_there_may_be_more_than_was_seen(choice: Choice) -> None:
    clock = ManualClock(NOON)
    sight = looked(clock, COMING)
    sight.chose(COMING, choice)
    assert sight.now(later(clock, 5)) is None


def test_what_had_no_seat_before_a_claim_has_none_after_it_and_is_looked_for_again() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock, COMING)
    sight.chose(COMING, Choice([], NOON_MS + 5, is_all=False))
    first = sight.now(later(clock, 5))
    assert first
    sight.chose(first, claimed(NOON_MS + 60_000))
    assert sight.now(NOON_MS + 5) is None


def test_what_was_left_to_others_before_a_claim_is_looked_for_when_they_have_not_come() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock, COMING)
    sight.chose(COMING, Choice([], NOON_MS + 5, is_all=True, others_at=NOON_MS + 8))
    first = sight.now(later(clock, 5))
    assert first
    sight.chose(first, claimed(NOON_MS + 60_000))
    assert sight.now(NOON_MS + 8) is None


def test_the_store_is_asked_when_something_changed_while_it_was_asked() -> None:
    clock = ManualClock(NOON)
    sight = Sight(clock)
    sight.asks()
    sight.stirred()
    sight.peeked(COMING, is_all=True, is_cut=False)
    sight.chose(COMING, claimed(NOON_MS + 60_000))
    assert sight.now(later(clock, 5)) is None


def test_a_run_that_is_ready_before_the_next_tick_is_looked_for_in_time() -> None:
    clock = ManualClock(NOON)
    shown = replace(COMING, next_due=NOON_MS + 2)
    sight = looked(clock, shown)
    sight.chose(shown, claimed(NOON_MS + 60_000))
    known = sight.now(later(clock, 1))
    assert known
    assert known.next_due == NOON_MS + 2
    sight.chose(known, Choice([], known.next_due, is_all=True))
    assert sight.now(NOON_MS + 2) is None


def test_the_store_is_asked_when_it_had_more_to_show() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock, COMING, is_all=False)
    sight.chose(COMING, claimed(NOON_MS + 60_000))
    assert sight.now(later(clock, 5)) is None


def test_the_store_is_asked_when_something_has_changed_once_what_is_left_is_claimed() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock, COMING)
    sight.chose(COMING, replace(claimed(NOON_MS + 60_000), left=seen(tick(BACKUP))))
    sight.stirred()
    left = sight.now(later(clock, 5))
    assert left
    assert [each.job for each in left.due] == ["backup", "report"]
    sight.chose(left, claimed(NOON_MS + 60_000))
    assert sight.now(NOON_MS + 9) is None


def test_no_further_is_gone_by_what_was_seen_than_to_the_last_tick_that_was_shown() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock, COMING, is_cut=True)
    sight.chose(COMING, claimed(NOON_MS + 60_000))
    first = sight.now(later(clock, 5))
    assert first
    assert first.due
    sight.chose(first, claimed(NOON_MS + 60_000))
    later(clock, 4)
    assert sight.now(NOON_MS + 9) is None


def test_what_has_become_due_since_goes_with_what_was_left() -> None:
    clock = ManualClock(NOON)
    sight = looked(clock, COMING)
    sight.chose(COMING, replace(claimed(NOON_MS + 60_000), left=seen(tick(BACKUP))))
    both = sight.now(later(clock, 5))
    assert both
    assert [each.job for each in both.due] == ["backup", "report"]
