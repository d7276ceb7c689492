"""What happens while a lock is held."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from cronfleet import CronfleetError, LockHeld, LockLostError
from cronfleet.clock import ManualClock
from cronfleet.holding import Held, Hold, Span
from tests.unit.engine.scripted_store import late_answer, lost_answer, lost_request
from tests.unit.lock.rig import MARGIN_S, RENEWAL_S, TTL_S, LockRig


async def in_lock(
    rig: LockRig, block: Callable[[LockHeld[asyncio.Event]], Awaitable[None]]
) -> None:
    async with rig.lock() as held:
        await block(held)


async def test_a_lock_is_held_for_as_long_as_its_block_lasts(rig: LockRig) -> None:
    async with rig.lock() as held:
        await asyncio.sleep(3_600)
        assert held.is_held
        assert not await rig.is_free()
    assert await rig.is_free()


async def test_it_is_renewed_three_times_a_ttl(rig: LockRig) -> None:
    async with rig.lock():
        await asyncio.sleep(10 * TTL_S + 1)
    assert rig.store.calls["renew_lock"] == 30


async def test_nothing_is_renewed_once_it_is_given_back(rig: LockRig) -> None:
    for _ in range(3):
        async with rig.lock():
            await asyncio.sleep(1)
    await asyncio.sleep(10 * TTL_S)
    assert rig.store.calls["renew_lock"] == 0


async def test_two_lost_renewals_lose_nothing(rig: LockRig) -> None:
    rig.store.next("renew_lock", lost_request, lost_answer)
    async with rig.lock() as held:
        await asyncio.sleep(5 * TTL_S)
        assert held.is_held


async def test_a_holder_is_told_within_a_renewal_interval_that_it_is_lost(rig: LockRig) -> None:
    async def block(held: LockHeld[asyncio.Event]) -> None:
        await asyncio.sleep(3 * TTL_S)
        rig.store.empty()
        began = rig.now_s
        await held.lost.wait()
        assert rig.now_s - began <= RENEWAL_S
        assert not held.is_held

    with pytest.raises(LockLostError, match="'stock' was lost"):
        await in_lock(rig, block)


async def test_when_the_store_is_away_it_is_lost_a_margin_before_its_ttl_is_over(
    rig: LockRig,
) -> None:
    async def block(held: LockHeld[asyncio.Event]) -> None:
        await asyncio.sleep(RENEWAL_S + 1)
        rig.store.is_away = True
        await held.lost.wait()
        assert rig.now_s == pytest.approx(RENEWAL_S + TTL_S - MARGIN_S, abs=0.01)
        rig.store.is_away = False

    with pytest.raises(LockLostError):
        await in_lock(rig, block)


async def test_the_deadline_counts_from_before_the_request_was_sent(rig: LockRig) -> None:
    rig.store.next("lock", late_answer(20))
    async with rig.lock() as held:
        rig.store.next("renew_lock", *[lost_request] * 10)
        expected = datetime.fromtimestamp(rig.clock.wall_ms() / 1000, UTC)
        assert held.deadline == expected + timedelta(seconds=TTL_S - MARGIN_S - 20)
        assert held.is_held


async def test_what_is_lost_stays_lost(rig: LockRig) -> None:
    async def block(held: LockHeld[asyncio.Event]) -> None:
        await asyncio.sleep(3 * TTL_S)
        assert (held.lost.is_set(), held.is_held) == (True, False)

    rig.store.next("renew_lock", late_answer(TTL_S))
    with pytest.raises(LockLostError):
        await in_lock(rig, block)


async def test_a_lock_given_back_during_a_renewal_is_not_lost(rig: LockRig) -> None:
    rig.store.next("renew_lock", late_answer(5))
    async with rig.lock() as held:
        await asyncio.sleep(RENEWAL_S + 1)
    await asyncio.sleep(TTL_S)
    assert not held.lost.is_set()


async def test_what_the_block_raises_is_raised_though_the_lock_is_lost(
    rig: LockRig, caplog: pytest.LogCaptureFixture
) -> None:
    async def block(_: LockHeld[asyncio.Event]) -> None:
        rig.store.empty()
        raise KeyError

    with pytest.raises(KeyError):
        await in_lock(rig, block)
    assert "was lost" in caplog.text


async def test_a_lock_that_somebody_took_away_is_lost_though_nobody_told(rig: LockRig) -> None:
    with pytest.raises(LockLostError):
        async with rig.lock():
            rig.store.empty()


# --- giving it back


async def test_an_unanswered_release_is_repeated_and_loses_nothing(rig: LockRig) -> None:
    rig.store.next("unlock", lost_answer)
    async with rig.lock():
        pass
    assert rig.store.calls["unlock"] == 2
    assert await rig.is_free()


async def test_a_lock_that_cannot_be_given_back_is_free_when_it_expires(
    rig: LockRig, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig.lock():
        rig.store.is_away = True
    assert "free when it expires" in caplog.text
    assert not await rig.is_free()
    await asyncio.sleep(TTL_S)
    assert await rig.is_free()


async def test_a_block_that_is_cancelled_gives_it_back(rig: LockRig) -> None:
    inside = asyncio.Event()

    async def hold() -> None:
        async with rig.lock():
            inside.set()
            await asyncio.sleep(3_600)

    task = asyncio.create_task(hold())
    await inside.wait()
    task.cancel()
    await asyncio.wait({task})
    assert await rig.is_free()


async def test_one_that_is_cancelled_while_giving_it_back_gives_it_back(rig: LockRig) -> None:
    async def hold() -> None:
        async with rig.lock():
            pass

    async def never() -> None:
        await asyncio.sleep(3_600)

    rig.store.next("unlock", lambda _: never())  # pyright: ignore[reportArgumentType] - no answer
    task = asyncio.create_task(hold())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait({task})
    await asyncio.sleep(1)
    assert await rig.is_free()


# --- by whom


async def test_it_is_not_re_entrant(rig: LockRig) -> None:
    lock = rig.lock()
    async with lock:
        with pytest.raises(CronfleetError, match="re-entrant"):
            async with lock:
                pass
    assert await rig.is_free()


async def test_a_block_is_left_by_the_task_that_entered_it(rig: LockRig) -> None:
    lock = rig.lock()
    await asyncio.create_task(lock.__aenter__())
    with pytest.raises(CronfleetError, match="another task"):
        await lock.__aexit__(None, None, None)
    rig.locks.keeper.close()


async def test_with_in_a_coroutine_is_refused(rig: LockRig) -> None:
    with pytest.raises(CronfleetError, match="async with"), rig.lock():
        pass


def test_a_holder_that_was_frozen_sees_at_once_that_it_is_over() -> None:
    """Before any timer has had its turn."""
    clock, lost = ManualClock(datetime.now(UTC)), threading.Event()

    async def renew() -> bool:
        return True

    held = Held(
        Hold("lock", lost, Span(1_000, margin_ms=100), clock.boot_ms(), renew, lambda: None),
        lost,
        clock,
    )
    assert (held.is_held, repr(held)) == (True, "<lock, held>")
    clock.advance(timedelta(milliseconds=900))
    assert (held.is_held, lost.is_set(), repr(held)) == (False, False, "<lock, lost>")
