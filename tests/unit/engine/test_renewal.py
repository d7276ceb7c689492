"""The thread that renews: a real one, led step by step and on a clock that is set by hand."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from cronfleet import RunContext
from cronfleet.clock import ManualClock, SystemClock
from cronfleet.engine import session as session_module
from cronfleet.engine.announcing import Announcing
from cronfleet.engine.identity import Identity
from cronfleet.engine.instance import Instance
from cronfleet.engine.renewal import (
    LEAST_BETWEEN_MS,
    Answered,
    Asked,
    Died,
    Lease,
    Lost,
    News,
    RenewalThread,
    Unanswered,
    renews_by,
)
from cronfleet.engine.times import Times
from cronfleet.errors import StoreUnavailableError
from cronfleet.model import RunState, SessionId
from cronfleet.store import Renewal, Renewer, StoreInfo
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.rig import EACH_SECOND, job
from tests.virtual_time import Backend

ANNA, BERT = SessionId("anna"), SessionId("bert")
TIMES = Times(ttl_ms=9_000)
RENEWAL = Renewal(StoreInfo("store", 1, 0, 1), 0, "2026a", [])
GONE = StoreUnavailableError("scripted:", "gone")


@pytest.fixture
def anyio_backend() -> Backend:
    return "asyncio", {}


class Gate(threading.Event):
    """Stands for the event on which the thread waits: tells for how long, and holds it there."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: queue.SimpleQueue[float] = queue.SimpleQueue()
        self.open = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.put(timeout or 0)
        self.open.acquire()
        return self.is_set()


class Led:
    """A renewal thread, its store, and what it told the event loop."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 3, 29, tzinfo=UTC))
        self.news: list[News] = []
        self.asked: list[SessionId] = []
        self.closed = 0
        self.answer: Callable[[], Renewal | None] = lambda: RENEWAL
        self.gate = Gate()
        # Of a store it needs the renewer alone.
        store = cast("MemoryStore", self)
        self.thread = RenewalThread(store, self.clock, TIMES, self.news.append)
        self.thread._wake = self.gate

    def renewer(self) -> Renewer:
        return self

    def renew(self, session: SessionId) -> Renewal | None:
        self.asked.append(session)
        return self.answer()

    def close(self) -> None:
        self.closed += 1

    def step(self, after_ms: float = 0) -> float:
        """Let it do what it does when it has waited so long; answers for how long it waits next.

        The event loop stands still meanwhile.
        """
        self.clock.advance(timedelta(milliseconds=after_ms))
        self.gate.open.release()
        return self.gate.waits.get(timeout=5)

    def hold(self, session: SessionId, sent_at: int) -> float:
        self.thread.hold(session, sent_at)
        return self.gate.waits.get(timeout=5)


@pytest.fixture
async def led() -> AsyncIterator[Led]:
    led = Led()
    yield led
    led.gate.open.release(9)
    await led.thread.stop()


async def test_it_renews_at_once_and_then_every_third_of_a_ttl(led: Led) -> None:
    assert led.hold(ANNA, sent_at=0) == 0
    assert led.step() == 1  # It looks after the event loop each second, too.
    assert led.asked == [ANNA]
    led.step(1_000)
    led.step(1_000)
    assert led.asked == [ANNA]
    led.step(1_000)
    assert led.asked == [ANNA, ANNA]


async def test_hurried_it_renews_before_its_time_but_no_sooner_than_it_may(led: Led) -> None:
    led.hold(ANNA, sent_at=0)
    led.step()
    led.thread.hurry()
    led.thread.hurry()
    assert (led.step(LEAST_BETWEEN_MS - 1), led.asked) == (0.001, [ANNA])
    led.step(1)
    assert led.asked == [ANNA, ANNA]
    assert led.step(1_000) == 1
    assert led.asked == [ANNA, ANNA]


async def test_a_lease_counts_from_before_its_request_was_sent_less_a_margin(led: Led) -> None:
    def slow() -> Renewal:
        led.clock.advance(timedelta(seconds=2))
        return RENEWAL

    led.hold(ANNA, sent_at=0)
    assert led.thread.lease == Lease(ANNA, TIMES.ttl_ms - TIMES.margin_ms)
    led.answer = slow
    led.step(3_000)
    assert led.thread.lease == Lease(ANNA, 3_000 + TIMES.ttl_ms - TIMES.margin_ms)
    await asyncio.sleep(0)
    assert led.news == [Asked(), Answered(RENEWAL, sent_at=3_000, received_at=5_000)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_thread_that_ends_by_a_fault_of_ours_says_so(led: Led) -> None:
    error = ZeroDivisionError("a bug")

    def fail() -> Renewal:
        raise error

    led.hold(ANNA, sent_at=0)
    led.answer = fail
    led.gate.open.release()
    led.thread._thread.join(5)
    await asyncio.sleep(0)
    assert led.news == [Asked(), Died(error)]


async def test_an_unanswered_renewal_is_told_and_soon_tried_on_a_new_connection(led: Led) -> None:
    def fail() -> Renewal:
        raise GONE

    led.hold(ANNA, sent_at=0)
    led.answer = fail
    assert led.step(3_000) == TIMES.poll_ms / 1000
    await asyncio.sleep(0)
    assert led.news == [Asked(), Unanswered(GONE)]
    assert led.closed == 1
    assert led.thread.lease.deadline == TIMES.ttl_ms - TIMES.margin_ms
    led.answer = lambda: RENEWAL
    led.step(1_000)
    assert led.asked == [ANNA, ANNA]
    assert led.thread.lease.deadline == 4_000 + TIMES.ttl_ms - TIMES.margin_ms


async def test_a_closed_session_is_told_and_its_lease_is_not_prolonged(led: Led) -> None:
    led.hold(ANNA, sent_at=0)
    led.answer = lambda: None
    led.step(3_000)
    await asyncio.sleep(0)
    assert led.news == [Asked(), Lost(ANNA)]
    assert led.thread.lease.deadline == TIMES.ttl_ms - TIMES.margin_ms


async def test_the_answer_for_an_earlier_session_does_not_prolong_the_next_ones_lease(
    led: Led,
) -> None:
    def joined_meanwhile() -> Renewal:
        led.thread.hold(BERT, sent_at=2_000)
        return RENEWAL

    led.hold(ANNA, sent_at=0)
    led.answer = joined_meanwhile
    led.step(3_000)
    assert led.thread.lease == Lease(BERT, 2_000 + TIMES.ttl_ms - TIMES.margin_ms)
    led.answer = lambda: RENEWAL
    led.step(3_000)
    assert led.asked == [ANNA, BERT]


async def test_a_blocked_event_loop_does_not_lose_the_session(
    led: Led, caplog: pytest.LogCaptureFixture
) -> None:
    led.hold(ANNA, sent_at=0)
    for _ in range(5 * 9):  # Five TTLs, in which this coroutine never gives way.
        led.step(1_000)
    assert len(led.asked) == 15
    assert "a handler blocks it" in caplog.text


async def test_a_loop_that_blocks_is_told_once_not_all_the_time(
    led: Led, caplog: pytest.LogCaptureFixture
) -> None:
    led.hold(ANNA, sent_at=0)
    for _ in range(200):
        led.step(100)
    warnings = [line for line in caplog.records if line.levelno == logging.WARNING]
    assert len(warnings) == 1


async def test_the_alarm_names_the_task_and_the_line_and_its_end_is_told(
    led: Led, caplog: pytest.LogCaptureFixture
) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.set_name("report@5")
    led.hold(ANNA, sent_at=0)
    led.step()
    led.step(4_000)
    assert "(report@5, in " in caplog.text
    assert "plain def" in caplog.text
    assert "moves again" not in caplog.text
    await asyncio.sleep(0)
    assert "the event loop moves again, after 4000 ms" in caplog.text


async def test_a_loop_that_lives_is_not_told_to_be_blocked(
    led: Led, caplog: pytest.LogCaptureFixture
) -> None:
    led.hold(ANNA, sent_at=0)
    for _ in range(20):
        led.step(1_000)
        await asyncio.sleep(0)
    assert caplog.records == []


async def test_after_six_ttls_a_dead_loop_loses_its_session_and_the_thread_does_not_spin(
    led: Led,
) -> None:
    led.hold(ANNA, sent_at=0)
    led.step()  # Asks the loop for a sign of life, which it will not give.
    led.step(TIMES.stuck_ms)
    waits = [led.step(1_000) for _ in range(20)]
    assert led.asked == [ANNA]
    assert min(waits) >= 0.1


async def test_a_loop_that_comes_back_has_its_session_renewed_again(led: Led) -> None:
    led.hold(ANNA, sent_at=0)
    led.step()
    led.step(TIMES.stuck_ms)
    await asyncio.sleep(0)  # It comes back.
    led.step(1_000)
    assert led.asked == [ANNA, ANNA]


async def test_it_ends_when_it_is_told_to_and_gives_its_connection_back(led: Led) -> None:
    led.hold(ANNA, sent_at=0)
    led.step(3_000)
    led.gate.open.release()
    await led.thread.stop()
    assert not led.thread._thread.is_alive()
    assert led.closed == 1


async def test_it_may_be_stopped_before_it_has_begun() -> None:
    led = Led()
    await led.thread.stop()
    assert led.asked == []


async def test_when_its_loop_is_closed_it_tells_nobody() -> None:
    led = Led()
    led.thread._loop = asyncio.new_event_loop()
    led.thread._loop.close()
    led.thread._in_loop(led.thread._pong)
    await led.thread.stop()


async def test_in_real_time_a_handler_that_blocks_for_a_ttl_and_more_keeps_its_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One step of the handler lasts as long as seven renewals."""
    monkeypatch.setattr(session_module, "renews_by", renews_by)
    renewals = threading.Semaphore(0)
    has_ended = asyncio.Event()

    async def blocks(run: RunContext) -> None:
        for _ in range(7):
            assert renewals.acquire(timeout=5)
        has_ended.set()

    store, times = _Counting(renewals), Times(ttl_ms=300)
    who, known = Identity("app", "anna", "2026a"), {"report": job(blocks, schedule=EACH_SECOND)}
    instance = Instance(store, SystemClock(), times, who, known, announcing=Announcing())
    working = asyncio.create_task(instance.run())
    await instance.joined.wait()
    joined = instance._session.id
    await has_ended.wait()
    instance.stop()
    await working
    assert instance._session.id == joined
    assert [run.state for run in await store.runs("report")] == [RunState.SUCCEEDED]


class _Counting(MemoryStore):
    def __init__(self, renewals: threading.Semaphore) -> None:
        super().__init__()
        self._renewals = renewals

    def renewer(self) -> Renewer:
        return _CountingRenewer(super().renewer(), self._renewals)


class _CountingRenewer:
    def __init__(self, renewer: Renewer, renewals: threading.Semaphore) -> None:
        self._renewer = renewer
        self._renewals = renewals

    def renew(self, session: SessionId) -> Renewal | None:
        try:
            return self._renewer.renew(session)
        finally:
            self._renewals.release()

    def close(self) -> None:
        self._renewer.close()
