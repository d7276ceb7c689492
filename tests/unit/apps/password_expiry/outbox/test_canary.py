"""What is too much, of all numbers of users and of new notices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.apps.password_expiry.outbox.canary import LEAST_USERS, RUNS_KNOWN, Canary

counts = st.integers(0, 10**7)
usual = st.lists(st.integers(1, 10**5), max_size=20)
canaries = st.builds(Canary, percent=st.integers(1, 100), times=st.integers(1, 1000))


@given(canaries, counts, usual)
def test_no_new_notice_is_never_too_many(canary: Canary, users: int, known: list[int]) -> None:
    assert canary.why_held(users, 0, known) is None


@given(canaries, counts, counts, usual)
def test_what_is_held_is_held_with_more_notices_too(
    canary: Canary, users: int, made: int, known: list[int]
) -> None:
    if canary.why_held(users, made, known):
        assert canary.why_held(users, made + 1, known)


@given(canaries, st.integers(LEAST_USERS, 10**7), usual)
def test_all_users_at_once_are_held_unless_that_is_allowed(
    canary: Canary, users: int, known: list[int]
) -> None:
    if canary.percent < 100:
        assert canary.why_held(users, users, known)


@given(canaries, st.integers(0, LEAST_USERS - 1), counts, st.lists(counts, max_size=RUNS_KNOWN - 1))
def test_of_few_users_and_few_runs_nothing_can_be_said(
    canary: Canary, users: int, made: int, known: list[int]
) -> None:
    assert canary.why_held(users, made, known) is None


@given(canaries, st.integers(1, 10**5), st.integers(RUNS_KNOWN, 20))
def test_what_is_usual_is_not_held_for_its_number(canary: Canary, made: int, runs: int) -> None:
    assert canary.why_held(0, canary.times * made, [made] * runs) is None
    assert canary.why_held(0, canary.times * made + 1, [made] * runs)


@pytest.mark.parametrize(
    ("users", "made", "is_held"),
    [(200, 40, False), (200, 41, True), (50, 10, False), (50, 11, True), (49, 49, False)],
)
def test_a_fifth_of_fifty_users_is_the_most(users: int, made: int, *, is_held: bool) -> None:
    assert bool(Canary().why_held(users, made, ())) is is_held


@pytest.mark.parametrize(
    ("made", "copies", "is_held"),
    [(30, 15, False), (40, 20, False), (41, 20, True), (21, 21, True)],
)
def test_a_user_with_a_copy_for_a_manager_is_one_user(
    made: int, copies: int, *, is_held: bool
) -> None:
    assert bool(Canary().why_held(100, made, (), copies)) is is_held


def test_it_says_the_numbers_and_the_setting() -> None:
    assert Canary().why_held(100, 30, ()) == (
        "30 new notices at once for 100 users, more than 20 % of them (CANARY_PERCENT)"
    )
    assert "42 new notices, 21 of them copies, at once" in str(Canary().why_held(100, 42, (), 21))
    assert Canary().why_held(0, 30, [1, 2, 3, 2, 2]) == (
        "30 new notices at once, more than 10 times the usual 2.0 (CANARY_TIMES)"
    )
