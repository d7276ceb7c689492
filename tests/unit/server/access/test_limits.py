from __future__ import annotations

import pytest

from cronfleet.server.access.limits import Limit
from cronfleet.server.access.refusals import TooManyRequestsError


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def granted(limit: Limit, who: str, times: int) -> int:
    count = 0
    for _ in range(times):
        try:
            limit.take(who)
        except TooManyRequestsError:
            continue
        count += 1
    return count


def test_so_many_are_granted_at_once_and_then_as_time_goes() -> None:
    clock = Hand()
    limit = Limit("logins", 5, 60, clock)
    assert granted(limit, "ada", 9) == 5
    clock.now_s = 12
    assert granted(limit, "ada", 9) == 1
    clock.now_s = 3600
    assert granted(limit, "ada", 9) == 5


def test_it_is_said_how_long_to_wait() -> None:
    clock = Hand()
    limit = Limit("logins", 5, 60, clock)
    granted(limit, "ada", 5)
    clock.now_s = 2
    with pytest.raises(TooManyRequestsError, match="wait 10 s") as caught:
        limit.take("ada")
    assert caught.value.headers == {"Retry-After": "10"}
    clock.now_s = 12
    limit.take("ada")


def test_nobody_asks_at_the_expense_of_another() -> None:
    limit = Limit("logins", 5, 60, Hand())
    assert granted(limit, "ada", 9) == 5
    assert granted(limit, "bob", 9) == 5


def test_however_many_ask_they_take_little_memory() -> None:
    limit = Limit("logins", 1, 60, Hand())
    limit.take("first")
    assert granted(limit, "last", 2) == 1
    for number in range(10_000):
        limit.take(str(number))
    assert granted(limit, "first", 2) == 1
