"""The scheduler from outside: in real time, on a store in memory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from cronfleet import (
    Alert,
    ConfigurationError,
    CronfleetError,
    ForeignJobError,
    InvalidJobError,
    InvalidPauseError,
    RunContext,
    Scheduler,
    StoreUnavailableError,
    UnknownJobError,
    every,
)
from cronfleet.clock import SystemClock
from cronfleet.model import InstanceRecord
from cronfleet.signals import StopSignals
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.scripted_store import ScriptedStore, first, gone, late_answer, lost_request

HOURLY = every(timedelta(hours=1))


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("asyncio_"):
            thread.join(5)
            assert not thread.is_alive(), f"{thread} is still there"


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore(SystemClock())


class Report:
    """A handler that tells when it was entered."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.runs: list[RunContext] = []

    async def __call__(self, run: RunContext) -> None:
        self.runs.append(run)
        self.entered.set()


async def nothing(run: RunContext) -> None: ...


def with_report(
    store: MemoryStore,
    handler: Callable[[RunContext], object] = nothing,
    patience: timedelta = timedelta(seconds=60),
) -> Scheduler:
    scheduler = Scheduler(store, program="app", patience=patience)
    scheduler.add_job(handler, HOURLY, "report")
    return scheduler


# --- registering


def test_a_decorated_handler_stays_what_it_is() -> None:
    scheduler = Scheduler("memory:")
    assert scheduler.job(HOURLY)(nothing) is nothing


def test_a_name_is_registered_once() -> None:
    scheduler = with_report(MemoryStore())
    with pytest.raises(InvalidJobError, match="is registered already"):
        scheduler.add_job(nothing, HOURLY, "report")


async def test_jobs_are_registered_before_the_scheduler_starts() -> None:
    """By the decorator: what is added later is stored."""
    async with with_report(MemoryStore()) as scheduler:
        with pytest.raises(InvalidJobError, match="before the scheduler starts, or use add_job"):
            scheduler.job(HOURLY, "late")(nothing)


def test_a_store_that_nobody_knows_is_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigurationError, match="write sqlite:///"):
        Scheduler("mysql://localhost/db")


async def test_the_store_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONFLEET_STORE", "memory:")
    assert (await Scheduler().health()).store == "memory:"


async def test_a_program_is_named_after_the_module_that_makes_the_scheduler(
    store: ScriptedStore,
) -> None:
    scheduler = Scheduler(store)
    async with scheduler:
        (instance,) = await scheduler.instances()
    assert instance.program == __name__


@pytest.mark.parametrize(
    ("started", "program"),
    [
        (["-c", "import app_main"], "app_main"),
        (["-m", "app_main"], "app_main"),
        (["app_main.py"], "app_main"),
        (["-c", "{code}"], "python"),
    ],
)
def test_a_program_has_one_name_however_it_is_started(
    tmp_path: Path, started: list[str], program: str
) -> None:
    code = "from cronfleet import Scheduler; print(Scheduler('memory:')._program)"
    (tmp_path / "app_main.py").write_text(code)
    command = [sys.executable, *(word.format(code=code) for word in started)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == program


# --- working


async def test_a_triggered_run_is_entered_at_once_and_told_of() -> None:
    report = Report()
    async with with_report(MemoryStore(), report) as scheduler:
        made = await scheduler.trigger("report", who="anna")
        await report.entered.wait()
    (run,) = report.runs
    assert (made.run, made.state, made.paused) == (run.run_id, "pending", False)


async def test_what_was_run_can_be_read_when_it_has_ended() -> None:
    store = MemoryStore()
    report = Report()
    async with with_report(store, report) as scheduler:
        await scheduler.trigger("report")
        await report.entered.wait()
    (run,) = await scheduler.runs("report")
    assert (run.state, run.kind, run.attempt) == ("succeeded", "manual", 1)
    assert await scheduler.gaps("report") == []
    assert await scheduler.instances() == []


async def test_it_works_only_inside_its_block() -> None:
    scheduler = with_report(MemoryStore())
    with pytest.raises(CronfleetError, match="is not at work"):
        await scheduler.work_until(asyncio.Event())


async def test_a_scheduler_may_be_entered_again(store: ScriptedStore) -> None:
    scheduler = with_report(store)
    for _ in range(2):
        async with scheduler:
            assert len(await scheduler.instances()) == 1
    assert await scheduler.instances() == []


async def test_one_that_cannot_join_raises_why_and_leaves_nothing(store: ScriptedStore) -> None:
    async with with_report(store):
        theirs = Scheduler(store, program="theirs")
        theirs.add_job(nothing, HOURLY, "report")
        with pytest.raises(ForeignJobError):
            await theirs.__aenter__()
        assert len(await theirs.instances()) == 1
        assert not (await theirs.health()).ready


async def test_one_that_is_cancelled_while_it_joins_leaves_nothing(store: ScriptedStore) -> None:
    store.next("sync_jobs", late_answer(60))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), with_report(store):
            pass
    assert await store.instances() == []


# --- until a signal


def test_a_signal_drains_and_what_runs_is_finished() -> None:
    scheduler = Scheduler("memory:")
    finished: list[str] = []

    @scheduler.job(every(timedelta(seconds=1)))
    async def stopper(run: RunContext) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        finished.append(run.run_id)

    scheduler.run()
    assert len(finished) == 1


def test_a_second_signal_cancels_what_runs() -> None:
    scheduler = Scheduler("memory:")
    cancelled: list[str] = []

    @scheduler.job(every(timedelta(seconds=1)))
    async def stopper(run: RunContext) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await asyncio.sleep(3_600)
        finally:
            cancelled.append(run.run_id)

    scheduler.run()
    assert len(cancelled) == 1


def test_a_coroutine_that_swallows_its_cancellation_keeps_no_program_from_ending(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scheduler = Scheduler("memory:", drain_timeout=timedelta(0))

    @scheduler.job(every(timedelta(seconds=1)))
    async def stubborn(run: RunContext) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0)
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3_600)

    scheduler.run()
    assert "its handler goes on although it was cancelled" in caplog.text


def test_a_signal_at_the_start_is_heard_although_a_driver_swallows_the_cancellation() -> None:
    async def main() -> bool:
        signals = StopSignals(lambda: None)
        with contextlib.suppress(asyncio.CancelledError):  # As a driver may, on its way in.
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(3_600)
        signals.has_joined()
        return signals.stop.is_set()

    assert asyncio.run(main())


def test_a_third_signal_is_the_systems_again() -> None:
    said: list[object] = []

    async def main() -> None:
        signals = StopSignals(lambda: None)
        signals.has_joined()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
        said.append(signal.getsignal(signal.SIGTERM))

    asyncio.run(main())
    assert said == [signal.SIG_DFL]


def test_an_instance_that_fails_ends_the_program(store: ScriptedStore) -> None:
    """Rather than leave a process at work that does nothing."""

    async def breaks(run: RunContext) -> None:
        store.broken["peek"] = ZeroDivisionError("a bug")

    scheduler = Scheduler(store)
    scheduler.add_job(breaks, every(timedelta(seconds=1)))
    with pytest.raises(ZeroDivisionError):
        scheduler.run()


async def test_an_instance_that_fails_says_so_at_once_and_is_not_ready(
    store: ScriptedStore, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = await with_report(store).__aenter__()
    store.broken["peek"] = ZeroDivisionError("a bug")
    await scheduler.trigger("report")
    assert scheduler._working is not None
    await asyncio.wait({scheduler._working})
    assert not (await scheduler.health()).ready
    assert "it claims nothing any more: ZeroDivisionError('a bug')" in caplog.text
    with pytest.raises(ZeroDivisionError):
        await scheduler.__aexit__()
    assert scheduler._info is None


# --- in a thread


def test_a_program_that_is_not_asynchronous_has_it_in_a_thread() -> None:
    entered = threading.Event()

    def handler(run: RunContext) -> None:
        entered.set()

    scheduler = Scheduler("memory:")
    scheduler.add_job(handler, every(timedelta(seconds=1)), "report")
    scheduler.start()
    with pytest.raises(CronfleetError, match="started already"):
        scheduler.start()
    assert entered.wait(5)
    scheduler.stop()
    scheduler.stop()


def test_its_verbs_may_be_called_from_other_event_loops_while_it_is_at_work() -> None:
    entered: queue.SimpleQueue[str] = queue.SimpleQueue()

    def handler(run: RunContext) -> None:
        entered.put(run.run_id)

    scheduler = Scheduler("memory:")
    scheduler.add_job(handler, HOURLY, "report", overlap="allow")
    scheduler.start()
    for _ in range(3):
        made = asyncio.run(scheduler.trigger("report"))
        assert entered.get(timeout=5) == made.run
    assert asyncio.run(scheduler.health()).ready
    scheduler.stop()


def test_a_program_that_is_not_asynchronous_calls_its_verbs_from_any_thread() -> None:
    scheduler = with_report(MemoryStore())
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(lambda: scheduler.call(scheduler.jobs())) for _ in range(20)]
        assert [each.result() for each in asked] == [[]] * 20
    scheduler.start()
    assert scheduler.call(scheduler.trigger("report")).state == "pending"
    scheduler.stop()
    assert len(scheduler.call(scheduler.runs("report"))) == 1
    scheduler.stop()


def test_a_handler_in_a_thread_calls_verbs_wherever_its_scheduler_works() -> None:
    said: queue.SimpleQueue[str] = queue.SimpleQueue()

    def handler(run: RunContext) -> None:
        said.put(scheduler.call(scheduler.job_info("report")).state)

    async def work() -> None:
        async with scheduler:
            await scheduler.trigger("report")
            assert await asyncio.to_thread(said.get, timeout=5) == "scheduled"

    scheduler = with_report(MemoryStore(), handler)
    asyncio.run(work())
    scheduler.start()
    scheduler.call(scheduler.trigger("report"))
    assert said.get(timeout=5) == "scheduled"
    scheduler.stop()


async def test_a_coroutine_awaits_verbs_and_calls_none() -> None:
    scheduler = with_report(MemoryStore())
    with pytest.raises(CronfleetError, match="await it"):
        scheduler.call(scheduler.jobs())


def test_a_scheduler_left_open_in_a_loop_that_has_ended_says_what_to_do() -> None:
    scheduler = Scheduler("memory:")
    assert asyncio.run(scheduler.jobs()) == []
    with pytest.raises(CronfleetError, match=r"await scheduler\.aclose"):
        asyncio.run(scheduler.jobs())


def test_a_verb_of_another_loop_is_told_when_the_scheduler_ends(store: ScriptedStore) -> None:
    scheduler, asked = with_report(store), threading.Event()

    async def hang() -> None:
        asked.set()
        await asyncio.Event().wait()

    async def work() -> None:
        async with scheduler:
            store.next("trigger", first(hang))
            asking.append(threads.submit(lambda: asyncio.run(scheduler.trigger("report"))))
            await asyncio.to_thread(asked.wait, 5)

    asking: list[Future[object]] = []
    with ThreadPoolExecutor(1) as threads:
        asyncio.run(work())
        with pytest.raises(CronfleetError, match="has ended meanwhile"):
            asking[0].result(5)


def test_at_work_the_connections_are_not_given_back(store: ScriptedStore) -> None:
    scheduler = with_report(store)
    scheduler.start()
    with pytest.raises(CronfleetError, match="is at work"):
        asyncio.run(scheduler.aclose())
    assert asyncio.run(scheduler.health()).ready
    scheduler.stop()
    asyncio.run(scheduler.aclose())


def test_the_connections_are_given_back_in_the_loop_that_has_them() -> None:
    closed_in: list[asyncio.AbstractEventLoop] = []

    class Bound(MemoryStore):
        async def aclose(self) -> None:
            closed_in.append(asyncio.get_running_loop())
            await super().aclose()

    async def look() -> None:
        scheduler = Scheduler(Bound(SystemClock()), program="app")
        await scheduler.jobs()
        await asyncio.to_thread(lambda: asyncio.run(scheduler.aclose()))
        assert closed_in == [asyncio.get_running_loop()]

    asyncio.run(look())


def test_a_handler_that_stops_its_own_scheduler_is_told_and_it_works_on() -> None:
    said: queue.SimpleQueue[str] = queue.SimpleQueue()

    async def handler(_: RunContext) -> None:
        try:
            scheduler.stop()
        except CronfleetError as error:
            said.put(str(error))

    scheduler = Scheduler("memory:")
    scheduler.add_job(handler, every(timedelta(seconds=1)), "report")
    scheduler.start()
    assert "would wait for itself" in said.get(timeout=5)
    assert asyncio.run(scheduler.health()).ready
    scheduler.stop()


def test_a_span_that_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="session_ttl=0:00:00 is too short"):
        Scheduler("memory:", session_ttl=timedelta(0))
    with pytest.raises(ConfigurationError, match="drain_timeout and patience"):
        Scheduler("memory:", drain_timeout=timedelta(seconds=-1))


@pytest.mark.parametrize("error", [gone("nobody there"), ZeroDivisionError("a bug")])
def test_a_thread_that_cannot_start_raises_why(store: ScriptedStore, error: Exception) -> None:
    store.broken["join"] = error
    scheduler = with_report(store, patience=timedelta(0))
    with pytest.raises(type(error)):
        scheduler.start()
    del store.broken["join"]
    scheduler.start()
    scheduler.stop()


def test_a_thread_whose_instance_failed_says_so_when_it_is_stopped(store: ScriptedStore) -> None:
    has_failed = threading.Event()

    async def breaks(run: RunContext) -> None:
        store.broken["peek"] = ZeroDivisionError("a bug")
        assert scheduler._working is not None
        scheduler._working.add_done_callback(lambda _: has_failed.set())

    scheduler = Scheduler(store)
    scheduler.add_job(breaks, every(timedelta(seconds=1)))
    scheduler.start()
    assert has_failed.wait(5)
    with pytest.raises(ZeroDivisionError):
        scheduler.stop()
    scheduler.stop()


# --- a store that is not up yet


async def test_a_store_that_is_not_up_yet_is_waited_for(
    store: ScriptedStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.next("open", lost_request, lost_request)
    assert await with_report(store).jobs() == []
    assert store.calls["open"] == 3
    assert [line.levelno for line in caplog.records] == [logging.WARNING]


async def test_a_store_that_does_not_come_up_is_an_error(store: ScriptedStore) -> None:
    store.is_away = True
    scheduler = Scheduler(store, patience=timedelta(0))
    with pytest.raises(StoreUnavailableError):
        await scheduler.jobs()


# --- looking and ordering


async def test_who_only_looks_is_no_instance(store: ScriptedStore) -> None:
    async with with_report(store):
        looker = Scheduler(store, program="looker")
        (job,) = await looker.jobs()
        assert (job.name, job.program, job.schedule) == ("report", "app", "every 1:00:00")
        assert len(await looker.instances()) == 1
        assert (await looker.health()).detail == "this is no instance at work"
        await looker.aclose()


async def test_who_only_looks_logs_once_that_its_store_is_away_and_once_that_it_is_back(
    store: ScriptedStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def instances() -> list[InstanceRecord]:
        if store.is_away:
            raise StoreUnavailableError("memory:", "gone")
        return []

    monkeypatch.setattr("cronfleet.observer._ASKED_EACH_MS", 0)
    monkeypatch.setattr(store, "instances", instances)
    looker = Scheduler(store, program="looker")
    async with looker.looking():
        for store.is_away in (False, True, True, False, False):
            assert (await looker.health()).ready is not store.is_away
    told = [line.getMessage() for line in caplog.records if line.name == "cronfleet.observer"]
    assert [line.partition(":")[0] for line in told] == [
        "waiting for the store",
        "the store is back",
    ]


async def test_all_jobs_are_told_page_by_page(store: ScriptedStore) -> None:
    scheduler = Scheduler(store)
    for n in range(250):
        scheduler.add_job(nothing, HOURLY, f"job-{n:03}")
    async with scheduler:
        assert [job.name for job in await scheduler.jobs()] == [f"job-{n:03}" for n in range(250)]


async def test_a_job_is_paused_resumed_and_skipped_by_name(store: ScriptedStore) -> None:
    async with with_report(store) as scheduler:
        before = await scheduler.job_info("report")
        paused = await scheduler.pause("report", who="anna", why="holiday")
        assert (paused.state, paused.paused_by, paused.paused_why) == ("paused", "anna", "holiday")
        assert (await scheduler.resume("report", who="anna")).next_fire == before.next_fire
        skipped = await scheduler.skip_next("report", who="bert")
        assert before.next_fire is not None
        assert skipped.next_fire == before.next_fire + timedelta(hours=1)
        (gap,) = await scheduler.gaps("report")
        assert (gap.first, gap.count, gap.reason) == (before.next_fire, 1, "by_hand")
        assert [each.verb for each in await scheduler.audit()] == ["skip_next", "resume", "pause"]


async def test_a_pause_may_have_an_end(store: ScriptedStore) -> None:
    async with with_report(store) as scheduler:
        end = datetime(2100, 1, 1, 8, 0, 0, 1, tzinfo=timezone(timedelta(hours=1)))
        paused = await scheduler.pause("report", until=end)
        assert paused.paused_until == datetime(2100, 1, 1, 7, 0, 0, 1000, tzinfo=UTC)
        assert (await scheduler.pause("report")).paused_until is None


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (datetime(2001, 1, 1, tzinfo=UTC), "its end has passed already"),
        (datetime.max.replace(tzinfo=UTC), "its end lies too far ahead"),
        (datetime(2100, 1, 1), "its end needs a time zone"),  # noqa: DTZ001 - that is the point
    ],
)
async def test_an_end_that_cannot_be_pauses_nothing(
    store: ScriptedStore, end: datetime, said: str
) -> None:
    async with with_report(store) as scheduler:
        with pytest.raises(InvalidPauseError, match=said):
            await scheduler.pause("report", until=end)
        assert (await scheduler.job_info("report")).state == "scheduled"


@pytest.mark.parametrize("look", ["runs", "gaps", "job_info", "trigger", "pause", "resume"])
async def test_a_job_that_is_not_there_is_named(store: ScriptedStore, look: str) -> None:
    with pytest.raises(UnknownJobError, match="reprot"):
        await getattr(with_report(store), look)("reprot")


async def test_a_note_is_set_once(store: ScriptedStore) -> None:
    scheduler = Scheduler(store)
    assert await scheduler.note("outbox", "a") == "a"
    assert await scheduler.note("outbox", "b") == "a"


async def test_an_instance_is_ready_when_it_has_looked_for_work(store: ScriptedStore) -> None:
    report = Report()
    async with with_report(store, report) as scheduler:
        await scheduler.trigger("report")
        await report.entered.wait()
        health = await scheduler.health()
        info = await store.open()
        assert (health.ready, health.detail) == (True, "")
        assert (health.store_id, health.epoch) == (info.id, info.epoch)


async def test_without_the_store_nobody_is_ready_and_says_why(store: ScriptedStore) -> None:
    async with with_report(store) as scheduler:
        await scheduler.trigger("report")
        store.is_away = True
        assert scheduler._instance is not None
        while "gave no answer" not in (await scheduler.health()).detail:
            scheduler._instance.wake()
            await asyncio.sleep(0)
        store.is_away = False


def test_an_alert_is_taken_by_a_plain_function() -> None:
    async def page(alert: Alert) -> None: ...

    with pytest.raises(ConfigurationError, match="on_alert must be a plain function"):
        Scheduler("memory:", on_alert=page)
