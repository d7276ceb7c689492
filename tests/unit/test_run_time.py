"""Jobs at run time, from outside: in real time, on a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cronfleet import (
    ConfigurationError,
    CronfleetError,
    ForeignJobError,
    InvalidJobError,
    Retry,
    RunContext,
    Scheduler,
    UnknownJobError,
    every,
)
from cronfleet.clock import SystemClock
from cronfleet.errors import StoreError
from tests.unit.engine.scripted_store import ScriptedStore, late_request, lost_answer

HOURLY = every(timedelta(hours=1))
DAILY = every(timedelta(days=1))
EACH_SECOND = every(timedelta(seconds=1))
WITHIN_S = 20
SPAN = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


class Heard:
    """What handlers were given."""

    def __init__(self) -> None:
        self.runs: asyncio.Queue[RunContext] = asyncio.Queue()

    async def of(self, job: str) -> RunContext:
        """The next run of the job."""
        async with asyncio.timeout(WITHIN_S):
            while (run := await self.runs.get()).job != job:
                pass
        return run


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what another task or thread will do."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.005)


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore(SystemClock())


@pytest.fixture
def heard() -> Heard:
    return Heard()


def make(store: ScriptedStore, heard: Heard, **options: Any) -> tuple[Scheduler, Any]:
    """A scheduler with an hourly `report`, and a handler `tell`."""
    scheduler = Scheduler(store, program="app", **options)

    @scheduler.handler()
    async def tell(run: RunContext) -> None:
        heard.runs.put_nowait(run)

    async def report(run: RunContext) -> None:
        heard.runs.put_nowait(run)

    scheduler.add_job(report, HOURLY)
    return scheduler, tell


@pytest.fixture
async def app(store: ScriptedStore, heard: Heard) -> AsyncIterator[tuple[Scheduler, Any]]:
    scheduler, tell = make(store, heard)
    async with scheduler:
        yield scheduler, tell


# --- adding


async def test_a_job_that_is_added_at_work_is_run_with_its_arguments(
    app: tuple[Scheduler, Any], heard: Heard
) -> None:
    scheduler, tell = app
    info = await scheduler.add_job(tell, EACH_SECOND, "added", args={"to": ("a", 1)})
    assert (info.name, info.handler, info.state) == ("added", "tell", "scheduled")
    run = await heard.of("added")
    assert (run.args, run.kind) == ({"to": ["a", 1]}, "tick")


async def test_another_instance_of_the_program_takes_it_over(
    store: ScriptedStore, heard: Heard
) -> None:
    first, tell = make(store, heard)
    async with first:
        await first.add_job(tell, EACH_SECOND, "added", args={"n": 1})
    second, _ = make(store, heard)
    async with second:
        assert (await heard.of("added")).args == {"n": 1}


async def test_it_may_be_added_from_any_thread_and_loop(
    app: tuple[Scheduler, Any], heard: Heard
) -> None:
    scheduler, tell = app
    added = lambda: asyncio.run(scheduler.add_job(tell, EACH_SECOND, "added"))  # noqa: E731 - runs in a thread
    assert (await asyncio.to_thread(added)).name == "added"
    await heard.of("added")


async def test_it_is_added_also_when_nobody_waits_for_that(
    app: tuple[Scheduler, Any], heard: Heard
) -> None:
    scheduler, tell = app
    scheduler.add_job(tell, EACH_SECOND, "added")
    await heard.of("added")


async def test_the_end_waits_for_what_is_being_added(store: ScriptedStore, heard: Heard) -> None:
    scheduler, tell = make(store, heard)
    async with scheduler:
        store.next("define", late_request(0.2))
        scheduler.add_job(tell, HOURLY, "added")
    assert await store.job("added") is not None


async def test_what_was_not_added_is_logged_if_nobody_waits(
    app: tuple[Scheduler, Any], caplog: pytest.LogCaptureFixture
) -> None:
    scheduler, tell = app
    await scheduler.add_job(tell, HOURLY, "added")
    scheduler.add_job(tell, DAILY, "added")
    await until(lambda: "job added was not added" in caplog.text)


async def test_the_same_job_may_be_added_again_and_another_of_its_name_may_not(
    app: tuple[Scheduler, Any],
) -> None:
    scheduler, tell = app
    await scheduler.add_job(tell, HOURLY, "added")
    assert (await scheduler.add_job(tell, HOURLY, "added")).generation == 1
    with pytest.raises(InvalidJobError, match=r"is there already, .* use update_job"):
        await scheduler.add_job(tell, DAILY, "added")


async def test_an_unanswered_order_is_given_again(
    app: tuple[Scheduler, Any], store: ScriptedStore
) -> None:
    scheduler, tell = app
    store.next("define", lost_answer)
    assert (await scheduler.add_job(tell, HOURLY, "added")).generation == 1
    assert store.calls["define"] == 2


async def test_awaited_before_the_start_it_is_stored_and_not_declared(
    store: ScriptedStore, heard: Heard
) -> None:
    """As a web process does it, that runs no jobs itself."""
    web, tell = make(store, heard)
    info = await web.add_job(tell, EACH_SECOND, "added")
    await web.aclose()
    assert (info.handler, [job.name for job in await web.jobs()]) == ("tell", ["added"])
    worker, _ = make(store, heard)
    async with worker:
        await heard.of("added")


async def test_awaited_after_the_start_it_is_the_declared_job(
    store: ScriptedStore, heard: Heard
) -> None:
    scheduler, tell = make(store, heard)
    added = scheduler.add_job(tell, EACH_SECOND, "added")
    async with scheduler:
        assert (await added).handler == ""
        await heard.of("added")


async def test_not_awaited_before_the_start_it_is_declared(
    store: ScriptedStore, heard: Heard
) -> None:
    scheduler, _ = make(store, heard)
    async with scheduler:
        assert (await scheduler.job_info("report")).handler == ""


async def test_a_handler_that_was_not_registered_is_taken_in_with_a_warning(
    app: tuple[Scheduler, Any], heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler, _ = app

    async def late(run: RunContext) -> None:
        heard.runs.put_nowait(run)

    await scheduler.add_job(late, EACH_SECOND)
    await heard.of("late")
    assert "instances that do not register it leave the job to this one" in caplog.text


async def test_a_handler_may_be_registered_at_work(store: ScriptedStore, heard: Heard) -> None:
    first, tell = make(store, heard)
    await first.add_job(tell, EACH_SECOND, "added")
    await first.aclose()
    second = Scheduler(store, program="app")
    async with second:

        async def anything(run: RunContext) -> None:
            heard.runs.put_nowait(run)

        second.handler("tell")(anything)
        await heard.of("added")


async def test_a_handler_without_a_name_is_refused_by_a_hint(app: tuple[Scheduler, Any]) -> None:
    scheduler, _ = app
    with pytest.raises(
        InvalidJobError, match=r"is not registered: give it a name .* @scheduler\.handler"
    ):
        scheduler.add_job(lambda _: None, HOURLY, "added")


async def test_exceptions_to_try_again_for_cannot_be_stored(app: tuple[Scheduler, Any]) -> None:
    scheduler, tell = app
    with pytest.raises(InvalidJobError, match=r"retry\.on cannot be stored"):
        await scheduler.add_job(tell, HOURLY, "added", retry=Retry(on=(OSError,)))


@pytest.mark.parametrize("args", [{"x": object()}, {"x": float("nan")}, {"x": "x" * 70_000}])
async def test_arguments_are_checked_where_they_are_given(
    app: tuple[Scheduler, Any], args: dict[str, Any]
) -> None:
    scheduler, tell = app
    with pytest.raises(InvalidJobError):
        scheduler.add_job(tell, HOURLY, "added", args=args)


async def test_the_name_of_another_program_s_job_is_foreign(
    app: tuple[Scheduler, Any], store: ScriptedStore
) -> None:
    other = Scheduler(store, program="other")
    other.handler("tell")(app[1])
    with pytest.raises(ForeignJobError):
        await other.add_job(app[1], HOURLY, "report")
    with pytest.raises(ForeignJobError):
        await other.update_job("report", schedule=DAILY)


async def test_what_is_added_after_the_end_says_so(store: ScriptedStore, heard: Heard) -> None:
    scheduler, tell = make(store, heard)
    async with scheduler:
        home = scheduler.home
        scheduler.home = None
        with pytest.raises(CronfleetError, match="has ended"):
            scheduler.add_job(tell, HOURLY, "added")
        scheduler.home = home


# --- changing


async def test_an_update_changes_what_is_given_and_nothing_else(
    app: tuple[Scheduler, Any], heard: Heard, store: ScriptedStore
) -> None:
    scheduler, tell = app
    await scheduler.add_job(tell, HOURLY, "added", args={"n": 1}, retry=Retry(attempts=2))
    info = await scheduler.update_job("added", schedule=EACH_SECOND, who="ops", why="to see")
    assert (info.schedule, info.generation) == ("every 0:00:01", 2)
    assert (await heard.of("added")).args == {"n": 1}
    job = await store.job("added")
    assert job is not None
    assert '"attempts":2' in str(await store.definition(job.digest))
    newest = (await scheduler.audit(limit=1))[0]
    assert (newest.verb, newest.who, newest.why) == ("update", "ops", "to see")


async def test_a_job_declared_in_code_keeps_what_was_changed_through_a_restart(
    store: ScriptedStore, heard: Heard
) -> None:
    first, _ = make(store, heard)
    async with first:
        await first.update_job("report", schedule=EACH_SECOND, args={"n": 2})
        assert (await heard.of("report")).args == {"n": 2}
    second, _ = make(store, heard)
    async with second:
        assert (await second.job_info("report")).schedule == "every 0:00:01"
        assert (await heard.of("report")).args == {"n": 2}


async def test_another_handler_may_be_given(app: tuple[Scheduler, Any], heard: Heard) -> None:
    scheduler, tell = app
    await scheduler.update_job("report", handler=tell, schedule=EACH_SECOND)
    assert (await scheduler.job_info("report")).handler == "tell"
    await heard.of("report")


async def test_a_handler_that_was_given_stays_through_further_changes(
    app: tuple[Scheduler, Any],
) -> None:
    scheduler, tell = app
    await scheduler.update_job("report", handler=tell)
    info = await scheduler.update_job("report", schedule=EACH_SECOND)
    assert info.handler == "tell"


async def test_an_option_may_be_changed_back_to_its_default(
    app: tuple[Scheduler, Any], store: ScriptedStore
) -> None:
    scheduler, tell = app
    await scheduler.add_job(tell, HOURLY, "added", shards=4)
    info = await scheduler.update_job("added", shards=1)
    assert info.generation == 2
    job = await store.job("added")
    assert job is not None
    assert (job.shards, "shards" in str(await store.definition(job.digest))) == (1, False)


async def test_what_does_not_fit_together_is_not_changed(app: tuple[Scheduler, Any]) -> None:
    scheduler, _ = app
    with pytest.raises(InvalidJobError, match='misfire="all"'):
        await scheduler.update_job("report", misfire="all")
    assert (await scheduler.job_info("report")).generation == 1


async def test_a_job_whose_handler_is_not_here_is_not_changed_here(
    app: tuple[Scheduler, Any], store: ScriptedStore
) -> None:
    elsewhere = Scheduler(store, program="app")
    with pytest.raises(InvalidJobError, match="its handler is not registered here"):
        await elsewhere.update_job("report", schedule=DAILY)


async def test_what_a_newer_version_wrote_is_kept(
    app: tuple[Scheduler, Any], store: ScriptedStore
) -> None:
    scheduler, tell = app
    await scheduler.add_job(tell, HOURLY, "added")
    job = await store.job("added")
    assert job is not None
    text = str(await store.definition(job.digest))
    store._records._definitions[job.digest] = text.replace("{", '{"newer":7,', 1)
    await scheduler.update_job("added", max_active=2)
    after = await store.job("added")
    assert after is not None
    assert '"newer":7' in str(await store.definition(after.digest))


async def test_many_who_change_one_job_at_once_all_do(app: tuple[Scheduler, Any]) -> None:
    scheduler, _ = app
    await asyncio.gather(
        *(scheduler.update_job("report", max_active=2 + number) for number in range(5))
    )
    assert (await scheduler.job_info("report")).generation == 6


# --- removing


async def test_a_removed_job_runs_no_more_and_is_listed_apart(
    app: tuple[Scheduler, Any], heard: Heard
) -> None:
    scheduler, tell = app
    await scheduler.add_job(tell, EACH_SECOND, "added")
    await heard.of("added")
    await scheduler.remove_job("added", who="ops", why="enough")
    assert [job.name for job in await scheduler.jobs()] == ["report"]
    (removed,) = await scheduler.jobs(removed=True)
    assert (removed.name, removed.state, removed.next_fire) == ("added", "removed", None)
    assert len(await scheduler.runs("added")) >= 1


async def test_orders_about_a_removed_job_say_that_it_was_removed(
    app: tuple[Scheduler, Any],
) -> None:
    scheduler, _ = app
    await scheduler.remove_job("report")
    for order in (
        scheduler.trigger("report"),
        scheduler.pause("report"),
        scheduler.resume("report"),
        scheduler.skip_next("report"),
        scheduler.update_job("report", schedule=DAILY),
        scheduler.remove_job("report"),
        scheduler.backfill("report", *SPAN),
        scheduler.backfill("report", *SPAN, dry_run=True),
    ):
        with pytest.raises(UnknownJobError, match="'report' was removed"):
            await order


async def test_a_removal_that_was_broken_off_is_ended_by_another(
    store: ScriptedStore, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, tell = make(store, heard)
    await web.add_job(tell, HOURLY, "added")
    for _ in range(5):
        await web.trigger("added")
    remove = store.remove
    calls = 0

    async def once(*order: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise StoreError("the disk is full")
        return await remove(*order, limit=2)

    monkeypatch.setattr(store, "remove", once)
    with pytest.raises(StoreError, match="full"):
        await web.remove_job("added")
    monkeypatch.undo()
    assert {run.state for run in await web.runs("added")} >= {"waiting"}
    with pytest.raises(UnknownJobError, match="was removed"):
        await web.remove_job("added")
    assert {run.state for run in await web.runs("added")} == {"skipped", "cancelled"}


async def test_added_again_it_goes_on_where_it_was(
    app: tuple[Scheduler, Any], heard: Heard
) -> None:
    scheduler, tell = app
    await scheduler.add_job(tell, EACH_SECOND, "added")
    await heard.of("added")
    await scheduler.remove_job("added")
    before = (await scheduler.jobs(removed=True))[0]
    after = await scheduler.add_job(tell, HOURLY, "added")
    assert (after.watermark, after.generation) == (before.watermark, before.generation + 1)


async def test_a_removed_job_comes_back_with_an_instance_that_is_started_and_not_by_one_at_work(
    app: tuple[Scheduler, Any], store: ScriptedStore, heard: Heard
) -> None:
    scheduler, _ = app
    beside, _ = make(store, heard)
    async with beside:
        await scheduler.remove_job("report")
        beside._instance._session.declare_again()  # pyright: ignore[reportOptionalMemberAccess] - it is at work
        declared = store.calls["sync_jobs"]
        await until(lambda: store.calls["sync_jobs"] > declared)
        assert (await scheduler.job_info("report")).state == "removed"
    later, _ = make(store, heard)
    async with later:
        assert (await scheduler.job_info("report")).state == "scheduled"


async def test_a_job_that_nobody_knows_cannot_be_removed(app: tuple[Scheduler, Any]) -> None:
    with pytest.raises(UnknownJobError, match="the store has: report"):
        await app[0].remove_job("nobody")


async def test_a_job_that_could_not_be_removed_goes_on(
    app: tuple[Scheduler, Any],
    store: ScriptedStore,
    heard: Heard,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    scheduler, _ = app
    monkeypatch.setattr(store, "remove", refused)
    with pytest.raises(StoreError, match="full"):
        await scheduler.remove_job("report")
    await scheduler.trigger("report")
    await heard.of("report")


async def test_a_job_that_was_never_declared_is_only_forgotten(
    store: ScriptedStore, heard: Heard
) -> None:
    scheduler, _ = make(store, heard)
    await scheduler.remove_job("report")
    async with scheduler:
        assert await scheduler.jobs() == []


async def test_what_is_due_when_a_job_is_removed_is_a_gap(
    store: ScriptedStore, heard: Heard
) -> None:
    web, tell = make(store, heard)
    added = await web.add_job(tell, EACH_SECOND, "added")
    due = added.next_due
    assert due is not None
    await until(lambda: datetime.now(UTC) > due)
    await web.remove_job("added")
    assert [gap.reason for gap in await web.gaps("added")] == ["removed"]


# --- only


async def test_an_instance_runs_only_the_jobs_that_it_is_told_to(
    store: ScriptedStore, heard: Heard
) -> None:
    scheduler, tell = make(store, heard, only=["one"])
    async with scheduler:
        for name in ("one", "two"):
            await scheduler.add_job(tell, EACH_SECOND, name)
        assert (await heard.of("one")).job == "one"
        assert (await heard.of("one")).job == "one"
        assert await scheduler.runs("two") == []
        assert [job.name for job in await scheduler.jobs()] == ["one", "two"]


@pytest.mark.parametrize("only", [[], "report"])
def test_only_names_jobs(only: Any) -> None:
    with pytest.raises(ConfigurationError, match="names no jobs"):
        Scheduler("memory:", only=only)
