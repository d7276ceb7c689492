from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from cronfleet import AuditInfo, Health, JobMark, Scheduler, StoreUnavailableError, cron
from cronfleet.info import moment
from cronfleet.model import JobName, JobRecord
from cronfleet.server.watching import watcher as watching
from cronfleet.server.watching.sight import MOST_NAMED, Changes, Sight, changes_between, restless
from cronfleet.server.watching.watcher import Stream, Watcher
from cronfleet.stores.memory import MemoryStore
from tests.unit.server.listening import Listening, listening, served

NEVER = cron("0 0 1 1 *")
NOTHING = Changes(jobs=[], runs=[], instances=False, health=False, audit=False)
WELL = Sight(Health("memory:", "id", 1, ready=True, detail="", promise=None), answers=True)


def mark(name: str, *, active: int = 0, generation: int = 1) -> JobMark:
    return JobMark(name, "scheduled", generation, 5, -1, active, is_declared=True)


def seen(*marks: JobMark) -> Sight:
    return replace(WELL, jobs={each.name: each for each in marks})


# --- what has changed


def test_of_two_equal_looks_nothing_is_told() -> None:
    assert changes_between(seen(mark("a")), seen(mark("a"))) == NOTHING
    assert not NOTHING


def test_jobs_that_changed_came_or_went_are_named() -> None:
    before = seen(mark("changed"), mark("gone"), mark("same"))
    after = seen(mark("changed", generation=2), mark("new"), mark("same"))
    assert changes_between(before, after) == replace(NOTHING, jobs=["changed", "gone", "new"])


def test_a_run_that_changed_is_named_with_its_job() -> None:
    before = replace(WELL, runs={"a@1": ("started",)}, jobs_of_runs={"a@1": "a"})
    after = replace(
        WELL, runs={"a@1": ("failed",), "b@2": ("started",)}, jobs_of_runs={"a@1": "a", "b@2": "b"}
    )
    assert changes_between(before, after) == replace(NOTHING, jobs=["a", "b"], runs=["a@1", "b@2"])


def test_an_order_names_its_job_though_nothing_is_left_of_it_but_the_audit() -> None:
    entries = tuple(AuditInfo(moment(at), "trigger", f"job-{at}", "anna", "") for at in (2, 1))
    before, after = replace(WELL, audit=entries[1:]), replace(WELL, audit=entries)
    assert changes_between(before, after) == replace(NOTHING, jobs=["job-2"], audit=True)


def test_the_health_changes_when_the_store_falls_silent() -> None:
    assert changes_between(WELL, replace(WELL, answers=False)) == replace(NOTHING, health=True)


def test_an_instance_that_joined_is_told() -> None:
    after = replace(WELL, instances=frozenset({("a", 0)}))
    assert changes_between(WELL, after) == replace(NOTHING, instances=True)


def test_the_runs_are_looked_at_of_jobs_ordered_about_then_changed_then_active() -> None:
    before = seen(mark("a", active=1), mark("b"), mark("c"), mark("d"))
    after = seen(mark("a", active=1), mark("b"), mark("c", generation=2), mark("d"))
    audit = [AuditInfo(moment(1), "trigger", job, "anna", "") for job in ("d", "removed")]
    assert restless(before, after.jobs, audit) == ["d", "c", "a"]


# --- how it is told


class Looker:
    """What the watcher sees is what the test says; each look is waited for."""

    def __init__(self) -> None:
        self.looks = 0
        self._looked = asyncio.Condition()

    async def look(self, before: Sight | None) -> Sight:
        async with self._looked:
            self.looks += 1
            self._looked.notify_all()
        return seen(mark("a", generation=self.looks))

    async def has_looked(self, times: int) -> None:
        async with self._looked:
            await self._looked.wait_for(lambda: self.looks >= times)


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_INTERVAL_S", 0.001)
    monkeypatch.setattr(watching, "SHORTEST_REST_S", 0.0)
    monkeypatch.setattr(watching, "LOOKING_SHARE", 0)


async def next_of(events: AsyncGenerator[bytes]) -> str:
    async with asyncio.timeout(20):
        return (await anext(events)).decode()


@pytest.mark.usefixtures("_quickly")
async def test_whoever_reads_slowly_is_told_to_read_all_again_and_goes_on() -> None:
    looker = Looker()
    events = Watcher(looker.look).events(None)
    assert "id: " in await next_of(events)
    await looker.has_looked(watching.MOST_WAITING + 5)
    blocks = [await next_of(events)]
    assert "event: reset" in blocks[0]
    while "event: changed" not in blocks[-1]:
        blocks.append(await next_of(events))
    await events.aclose()


@pytest.mark.usefixtures("_quickly")
async def test_where_too_much_has_changed_nothing_is_named() -> None:
    sights = [WELL, seen(*(mark(f"job-{number}") for number in range(MOST_NAMED + 1)))]

    async def look(before: Sight | None) -> Sight:
        return sights.pop(0) if len(sights) > 1 else sights[0]

    events = Watcher(look).events(None)
    assert "event" not in await next_of(events)
    assert "event: reset" in await next_of(events)
    await events.aclose()


async def test_many_who_listen_keep_nothing_else_from_its_turn() -> None:
    told: list[int] = [0]

    class Counted(Stream):
        def put(self, block: bytes, instead: bytes) -> None:
            told[-1] += 1

    async def next_turns() -> None:
        while sum(told) < 95:
            told.append(0)
            await asyncio.sleep(0)

    watcher = Watcher(Looker().look)
    watcher._streams |= {Counted() for _ in range(95)}
    await asyncio.gather(watcher._tell(replace(NOTHING, audit=True)), next_turns())
    assert sum(told) == 95
    assert max(told) <= 10


@pytest.mark.usefixtures("_quickly")
async def test_nobody_looks_while_nobody_listens() -> None:
    looker = Looker()
    watcher = Watcher(looker.look)
    events = watcher.events(None)
    await next_of(events)
    await events.aclose()
    looks = looker.looks
    for _ in range(50):
        await asyncio.sleep(0)
    assert looker.looks == looks


@pytest.mark.usefixtures("_quickly")
async def test_whoever_comes_back_with_an_older_event_is_told_to_read_all_again() -> None:
    watcher = Watcher(Looker().look)
    events = watcher.events("another-server-7")
    assert "event" not in await next_of(events)
    assert "event: reset" in await next_of(events)
    await events.aclose()


async def test_a_heartbeat_comes_where_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_S", 0.01)

    async def look(before: Sight | None) -> Sight:
        return WELL

    events = Watcher(look).events(None)
    await next_of(events)
    assert (await next_of(events)).startswith(":")
    await events.aclose()


async def test_streams_end_when_the_watcher_does_and_there_are_no_others() -> None:
    async def look(before: Sight | None) -> Sight:
        await asyncio.Event().wait()
        return WELL

    watcher = Watcher(look)
    streams = [watcher.events(None) for _ in range(3)]
    waiting = [asyncio.create_task(collected(events)) for events in streams]
    await asyncio.sleep(0)
    watcher.end()
    async with asyncio.timeout(20):
        assert [len(blocks) for blocks in await asyncio.gather(*waiting)] == [1, 1, 1]
    assert len(await collected(watcher.events(None))) == 1


async def collected(events: AsyncGenerator[bytes]) -> list[bytes]:
    return [block async for block in events]


# --- from a server that serves


class Plug(MemoryStore):
    """A store that falls silent when its plug is pulled."""

    is_pulled = False

    async def jobs(self, limit: int = 200, after: JobName = "") -> list[JobRecord]:
        if self.is_pulled:
            raise StoreUnavailableError("memory:", "its plug was pulled")
        return await super().jobs(limit, after)


@pytest.fixture
def scheduler() -> Scheduler:
    scheduler = Scheduler("memory:", program="test")
    for name in ("report", "team/sync"):
        scheduler.add_job(lambda _: None, NEVER, name)
    return scheduler


async def changed(stream: Listening, key: str, what: str | bool) -> None:
    """Wait until it is told that this has changed."""
    async with asyncio.timeout(20):
        while True:
            event = await stream.next()
            assert event.name == "changed"
            told = event.data[key]
            if what is told or (isinstance(told, list) and what in told):
                return


async def test_a_change_of_a_job_is_told(scheduler: Scheduler) -> None:
    async with served(scheduler) as client, listening(client) as stream:
        await scheduler.pause("team/sync", who="anna")
        await changed(stream, "jobs", "team/sync")


async def test_a_run_is_told_by_its_id(scheduler: Scheduler) -> None:
    async with served(scheduler) as client, listening(client) as stream:
        made = await scheduler.trigger("report")
        await changed(stream, "runs", made.run)


async def test_a_store_that_falls_silent_is_told(scheduler: Scheduler) -> None:
    store = Plug()
    async with served(Scheduler(store, program="test")) as client, listening(client) as stream:
        store.is_pulled = True
        await changed(stream, "health", True)
        store.is_pulled = False
        await changed(stream, "health", True)


async def test_many_listen_at_once(scheduler: Scheduler) -> None:
    async with served(scheduler) as client, AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(listening(client)) for _ in range(50)]
        await scheduler.pause("report")
        await asyncio.gather(*(changed(stream, "jobs", "report") for stream in streams))


async def test_one_too_many_is_told_to_come_again(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "MOST_STREAMS", 2)
    async with served(scheduler) as client, listening(client), listening(client):
        answer = await client.get("/events")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/too-many-streams")
    assert int(answer.headers["retry-after"]) > 0


async def test_a_server_that_ends_ends_its_streams_at_once(scheduler: Scheduler) -> None:
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(AsyncExitStack())
        client = await serving.enter_async_context(served(scheduler))
        stream = await stack.enter_async_context(listening(client))
        async with asyncio.timeout(1.5):  # uvicorn would wait for 2 s, and break it off then.
            ending = asyncio.create_task(serving.aclose())
            with pytest.raises(StopAsyncIteration):
                await stream.next()
        await ending


async def test_head_of_the_events_has_an_end(scheduler: Scheduler) -> None:
    async with served(scheduler) as client:
        answer = await client.head("/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")
