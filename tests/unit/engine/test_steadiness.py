from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.engine.steadiness import LARGEST_LEAP_MS, Reading, Steadiness

TTL_MS = 10_000
STORE_MS = 1_790_000_000_000


def reading(boot: int, *, off_by: int = 0, took: int = 0) -> Reading:
    """The store's time read when the boot clock showed so much, after a call that took so long."""
    return Reading(STORE_MS + boot + off_by, boot, boot + took)


def leap_between(*readings: Reading) -> int:
    steadiness = Steadiness(TTL_MS)
    return [steadiness.take(each) for each in readings][-1]


def test_one_reading_says_nothing() -> None:
    steadiness = Steadiness(TTL_MS)
    assert steadiness.take(reading(0)) == 0
    assert steadiness.is_steady(0)


@pytest.mark.parametrize("off_by", [LARGEST_LEAP_MS, -LARGEST_LEAP_MS])
def test_clocks_that_part_by_five_seconds_still_move_together(off_by: int) -> None:
    assert leap_between(reading(0), reading(3_000, off_by=off_by)) == 0


@pytest.mark.parametrize("off_by", [LARGEST_LEAP_MS + 1, -LARGEST_LEAP_MS - 1, 3_600_000])
def test_more_than_five_seconds_are_a_leap_of_so_much(off_by: int) -> None:
    assert leap_between(reading(0), reading(3_000, off_by=off_by)) == off_by


@given(st.integers(0, 60_000), st.integers(0, 60_000), st.integers(0, 60_000))
def test_what_the_calls_themselves_may_explain_is_no_leap(
    took: int, took_before: int, answered_after: int
) -> None:
    # The store read its clock at any moment between the sending and the answer.
    before = Reading(STORE_MS + min(answered_after, took_before), 0, took_before)
    sent_at = took_before + 3_000
    after = Reading(STORE_MS + sent_at + min(answered_after, took), sent_at, sent_at + took)
    assert leap_between(before, after) == 0


def test_after_a_leap_both_must_move_together_for_a_ttl() -> None:
    steadiness = Steadiness(TTL_MS)
    steadiness.take(reading(0))
    steadiness.take(reading(3_000, off_by=60_000))
    assert not steadiness.is_steady(3_000 + TTL_MS - 1)
    assert steadiness.is_steady(3_000 + TTL_MS)


def test_another_leap_begins_the_ttl_anew() -> None:
    steadiness = Steadiness(TTL_MS)
    for each in (reading(0), reading(3_000, off_by=60_000), reading(6_000)):
        steadiness.take(each)
    assert not steadiness.is_steady(3_000 + TTL_MS)
    assert steadiness.is_steady(6_000 + TTL_MS)


def test_each_reading_is_compared_with_the_one_before_it_so_slow_drift_is_no_leap() -> None:
    drifting = [reading(3_000 * n, off_by=1_000 * n) for n in range(20)]
    assert leap_between(*drifting) == 0


def test_a_quick_answer_is_gone_by_until_another_is_as_good() -> None:
    """What a slow one says is of the time when the store was asked, or of any since."""
    quick, slow = reading(0), Reading(STORE_MS + 1_000, 1_000, 1_050)
    assert slow.or_sharper(quick) is quick
    assert quick.at(1_050) == STORE_MS + 1_050
    as_quick = reading(2_000)
    assert as_quick.or_sharper(quick) is as_quick


def test_a_clock_that_was_set_is_believed_at_once() -> None:
    before = reading(0)
    for off_by in (-3_600_000, -100, 100, 3_600_000):
        set_since = reading(1_000, off_by=off_by, took=20)
        assert set_since.or_sharper(before) is set_since


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 5_000), st.integers(0, 5_000))
def test_clocks_that_move_together_are_never_thought_to_be_further_than_they_are(
    first: int, span: int, took: int, took_then: int
) -> None:
    known = Reading(STORE_MS + first, first, first + took)
    asked = first + took + span
    then = Reading(STORE_MS + asked, asked, asked + took_then)
    kept = then.or_sharper(known)
    assert then.at(asked + took_then) <= kept.at(asked + took_then) <= STORE_MS + asked + took_then
