"""How a lock is waited for."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from cronfleet import (
    InvalidLockError,
    LockTimeoutError,
    StoreRefusedError,
    StoreUnavailableError,
)
from cronfleet.clock import ManualClock
from cronfleet.lock.acquiring import Attempt, pause_of, terms
from cronfleet.store import Busy
from cronfleet.testing.samples import START
from tests.unit.engine.scripted_store import late_answer, lost_answer, lost_request
from tests.unit.lock.rig import TTL, TTL_S, LockRig


async def test_a_waiter_has_it_the_moment_it_is_given_back(rig: LockRig) -> None:
    entered: list[float] = []

    async def wait() -> None:
        async with rig.lock():
            entered.append(rig.now_s)

    async with rig.lock():
        waiter = asyncio.create_task(wait())
        await asyncio.sleep(100)
        left = rig.now_s
    await waiter
    assert entered == [left]


async def test_a_waiter_has_it_the_moment_a_silent_holder_expires(rig: LockRig) -> None:
    await rig.hold(ttl_s=100)
    async with rig.lock():
        assert rig.now_s == pytest.approx(100, abs=0.01)


async def test_of_fifty_tasks_with_one_lock_there_are_never_two_inside(rig: LockRig) -> None:
    lock, tokens, inside = rig.lock(), list[int](), 0

    async def contend() -> None:
        nonlocal inside
        async with lock as held:
            inside += 1
            tokens.append(held.token)
            await asyncio.sleep(1)
            assert inside == 1
            inside -= 1

    await asyncio.gather(*(contend() for _ in range(50)))
    assert (len(tokens), tokens) == (50, sorted(set(tokens)))
    assert rig.now_s == pytest.approx(50, abs=0.1)
    assert rig.waiters == 0


async def test_a_waiter_looks_about_once_a_second(rig: LockRig) -> None:
    """However many wait in one process."""
    await rig.hold(ttl_s=60)
    waiters = [asyncio.create_task(rig.lock().__aenter__()) for _ in range(50)]
    await asyncio.sleep(59)
    assert rig.store.calls["lock"] <= 59 / 0.7 + 1
    for waiter in waiters:
        waiter.cancel()
    await asyncio.wait(waiters)
    assert rig.waiters == 0


# --- for how long


async def test_one_that_waits_in_vain_is_told_and_leaves_the_queue(rig: LockRig) -> None:
    await rig.hold(ttl_s=60)
    with pytest.raises(LockTimeoutError, match="'stock' was not to be had within 5 s"):
        async with rig.lock(timeout_s=5):
            pass
    assert (round(rig.now_s), rig.waiters) == (5, 0)


async def test_a_timeout_is_a_timeout_error(rig: LockRig) -> None:
    await rig.hold(ttl_s=60)
    with pytest.raises(TimeoutError):
        async with rig.lock(timeout_s=0):
            pass


async def test_a_timeout_of_nothing_looks_once(rig: LockRig) -> None:
    await rig.hold(ttl_s=60)
    with pytest.raises(LockTimeoutError):
        async with rig.lock(timeout_s=0):
            pass
    assert (rig.now_s, rig.store.total) == (0, 1)
    async with rig.lock(timeout_s=0, name="another"):
        pass


async def test_a_waiter_that_is_cancelled_leaves_the_queue(rig: LockRig) -> None:
    await rig.hold(ttl_s=60)
    waiter = asyncio.create_task(rig.lock().__aenter__())
    await asyncio.sleep(5)
    waiter.cancel()
    await asyncio.wait({waiter})
    assert (waiter.cancelled(), rig.waiters) == (True, 0)


async def test_one_that_is_cancelled_as_it_is_granted_gives_it_back(rig: LockRig) -> None:
    rig.store.next("lock", late_answer(5))
    waiter = asyncio.create_task(rig.lock().__aenter__())
    await asyncio.sleep(1)
    assert not await rig.is_free()
    waiter.cancel()
    await asyncio.wait({waiter})
    assert await rig.is_free()


# --- when the store does not answer


async def test_an_unanswered_request_is_repeated_and_grants_once(rig: LockRig) -> None:
    rig.store.next("lock", lost_request, lost_answer)
    async with rig.lock() as held:
        assert held.token == rig.store._records._fleet.last_token
    assert rig.store.calls["lock"] == 3


async def test_an_answer_that_comes_too_late_is_asked_for_again(rig: LockRig) -> None:
    rig.store.next("lock", late_answer(TTL_S - 2))
    async with rig.lock() as held:
        assert held.is_held
        assert rig.store.calls["lock"] == 2


async def test_without_a_timeout_a_store_that_is_away_is_waited_for(
    rig: LockRig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.store.is_away = True
    entering = asyncio.create_task(rig.lock().__aenter__())
    await asyncio.sleep(600)
    rig.store.is_away = False
    await entering
    assert caplog.text.count("still waited for") == 1
    rig.locks.keeper.close()


async def test_a_store_that_is_away_until_the_timeout_is_what_is_told(rig: LockRig) -> None:
    rig.store.is_away = True
    with pytest.raises(StoreUnavailableError):
        async with rig.lock(timeout_s=5):
            pass
    assert round(rig.now_s) == 5


async def test_a_store_that_refuses_is_not_asked_again(rig: LockRig) -> None:
    rig.store.broken["lock"] = StoreRefusedError("no")
    with pytest.raises(StoreRefusedError):
        async with rig.lock():
            pass
    assert rig.store.calls["lock"] == 1


# --- what is asked of it


@pytest.mark.parametrize("name", ["", "a b", "ä", "a\n", "a" * 129, "a*"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InvalidLockError, match="write a name"):
        terms(name, TTL, None)


@pytest.mark.parametrize("ttl_s", [-1, 0, 0.099, 86_401])
def test_a_ttl_out_of_bounds_is_refused(ttl_s: float) -> None:
    with pytest.raises(InvalidLockError, match="ttl"):
        terms("stock", timedelta(seconds=ttl_s), None)


def test_a_timeout_below_nothing_is_refused() -> None:
    with pytest.raises(InvalidLockError, match="timeout"):
        terms("stock", TTL, timedelta(seconds=-1))


# --- how soon to look again


def test_where_all_are_told_a_waiter_looks_seldom() -> None:
    pauses = [pause_of(Busy(60_000, ahead), 0, tells_all=True) for ahead in range(10)]
    assert all(700 <= pause <= 1_000 for pause in pauses)


def test_where_not_all_are_told_those_in_front_look_soon() -> None:
    first, tenth = (pause_of(Busy(60_000, ahead), 0, tells_all=False) for ahead in (0, 9))
    assert 14 <= first <= 20
    assert 140 <= tenth <= 200


@pytest.mark.parametrize(("waited_ms", "least", "most"), [(800, 70, 100), (80_000, 700, 1_000)])
def test_the_longer_it_has_waited_the_seldomer_it_looks(
    waited_ms: int, least: float, most: float
) -> None:
    assert least <= pause_of(Busy(60_000, 0), waited_ms, tells_all=False) <= most


def test_the_first_looks_when_the_lock_expires() -> None:
    assert pause_of(Busy(5, 0), 80_000, tells_all=True) == 5
    assert pause_of(Busy(5, 1), 80_000, tells_all=True) >= 700


def test_the_time_until_its_turn_does_not_make_a_waiter_look_seldom() -> None:
    clock = ManualClock(START)
    attempt = Attempt(terms("stock", TTL, None), clock)
    clock.advance(timedelta(seconds=80))
    busy, sent_at = Busy(60_000, 0), clock.boot_ms()
    assert attempt.at_once(busy, sent_at) is None
    rest_s = attempt.after(busy, sent_at, tells_all=False)
    assert isinstance(rest_s, float)
    assert rest_s <= 0.02
