from __future__ import annotations

import asyncio

import pytest

from cronfleet.apps.password_expiry.sending.pacing import Pace


class Time:
    """Passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def never() -> bool:
    return False


async def turns(pace: Pace, time: Time, count: int) -> list[float]:
    at: list[float] = []
    for _ in range(count):
        await pace.turn(never)
        at.append(round(time.now - 100, 6))
    return at


async def test_without_a_rate_nobody_waits() -> None:
    time = Time()
    pace = Pace(None, time.clock, time.sleep)
    assert (pace.is_free, await turns(pace, time, 3)) == (True, [0, 0, 0])


@pytest.mark.parametrize(
    ("per_second", "at"), [(2, [0, 0.5, 1, 1.5]), (0.5, [0, 2, 4, 6]), (10, [0, 0.1, 0.2, 0.3])]
)
async def test_turns_come_at_even_distances(per_second: float, at: list[float]) -> None:
    time = Time()
    assert await turns(Pace(per_second, time.clock, time.sleep), time, 4) == at


async def test_what_was_not_used_is_not_made_up_for() -> None:
    time = Time()
    pace = Pace(2, time.clock, time.sleep)
    await pace.turn(never)
    time.now += 60
    assert await turns(pace, time, 3) == [60, 60.5, 61]


async def test_lanes_share_the_rate() -> None:
    time = Time()
    pace = Pace(5, time.clock, time.sleep)
    await asyncio.gather(*(pace.turn(never) for _ in range(5)))
    assert time.now - 100 >= 0.8


async def test_a_run_that_is_over_waits_no_longer() -> None:
    time = Time()
    pace = Pace(0.001, time.clock, time.sleep)
    await pace.turn(never)
    await pace.turn(lambda: time.now > 105)
    assert time.now < 106
    assert max(time.slept) <= 0.1


@pytest.mark.parametrize(("per_second", "lanes"), [(None, 4), (0.1, 1), (1, 1), (2.5, 3), (99, 4)])
def test_a_slow_rate_needs_no_more_lanes_than_mails_in_a_second(
    per_second: float | None, lanes: int
) -> None:
    assert Pace(per_second).lanes(4) == lanes
