"""Turns within one process."""

from __future__ import annotations

import asyncio
import threading

import pytest

from cronfleet.lock.turns import Turn, Turnstile, turn_of_task, turn_of_thread
from tests.unit.lock.rig import RENEWAL_S, TTL_S, LockRig
from tests.virtual_time import virtual_loop


def taken() -> tuple[Turnstile, Turn]:
    turnstile = Turnstile()
    turn = turnstile.at_once()
    assert turn is not None
    return turnstile, turn


async def test_who_came_first_passes_first() -> None:
    turnstile, turn = taken()
    passed: list[int] = []

    async def come(number: int) -> None:
        mine = await turn_of_task(turnstile, 60)
        assert mine is not None
        passed.append(number)
        await asyncio.sleep(0)
        mine.end()

    waiting = [asyncio.create_task(come(number)) for number in range(5)]
    await asyncio.sleep(1)
    assert passed == []
    turn.end()
    await asyncio.wait(waiting)
    assert passed == [0, 1, 2, 3, 4]
    assert turnstile.at_once() is not None


async def test_a_turn_that_does_not_come_in_time_is_given_up() -> None:
    turnstile, turn = taken()
    assert await turn_of_task(turnstile, 5) is None
    assert virtual_loop().time() == pytest.approx(5, abs=0.01)
    turn.end()
    assert turnstile.at_once() is not None


async def test_a_task_that_is_cancelled_as_its_turn_comes_passes_it_on() -> None:
    turnstile, turn = taken()
    waiting = asyncio.create_task(turn_of_task(turnstile, 60))
    await asyncio.sleep(1)
    turn.end()
    waiting.cancel()
    await asyncio.wait({waiting})
    assert turnstile.at_once() is not None


def test_a_turn_is_ended_once() -> None:
    turnstile, turn = taken()
    turn.end()
    assert turnstile.at_once() is not None
    turn.end()
    assert turnstile.at_once() is None


def test_threads_wait_for_each_other() -> None:
    turnstile, turn = taken()
    assert turn_of_thread(turnstile, 0.01) is None
    got: list[Turn | None] = []
    thread = threading.Thread(target=lambda: got.append(turn_of_thread(turnstile, float("inf"))))
    thread.start()
    turn.end()
    thread.join()
    assert got[0] is not None


async def test_of_one_process_one_at_a_time_asks_the_store(rig: LockRig) -> None:
    await rig.hold(ttl_s=60)
    waiters = [asyncio.create_task(rig.lock().__aenter__()) for _ in range(50)]
    await asyncio.sleep(30)
    assert rig.waiters == 1
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)


async def test_one_that_has_lost_the_lock_and_goes_on_does_not_hold_up_others(rig: LockRig) -> None:
    stuck = asyncio.Event()

    async def go_on() -> None:
        async with rig.lock():
            await stuck.wait()

    zombie = asyncio.create_task(go_on())
    await asyncio.sleep(TTL_S)
    rig.store.empty()
    async with rig.lock():
        assert rig.now_s <= TTL_S + RENEWAL_S
    stuck.set()
    await asyncio.wait({zombie})
    assert zombie.exception() is not None
