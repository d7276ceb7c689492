"""Why a tick did not run, asked of real stores."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cronfleet import GapInfo, Scheduler, TickVerdict, every
from tests.postgres_servers import Postgres
from tests.servers import OwnServer, Server
from tests.unit.cli.commands import NEVER

SECOND = timedelta(seconds=1)


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("postgres", marks=pytest.mark.postgres),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronfleet.db"
    server: Server | Postgres = request.getfixturevalue(f"{request.param}_server")
    return server.url


@pytest.fixture
async def scheduler(url: str) -> AsyncIterator[Scheduler]:
    """At work, with `report`, which is never due, and `quick`, which is each second."""
    scheduler = Scheduler(url, program="test", fleet=secrets.token_hex(4))
    scheduler.add_job(lambda _: None, NEVER, "report")
    scheduler.add_job(lambda _: None, every(SECOND), "quick")
    async with scheduler:
        yield scheduler


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what a real store will say in real time."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - a store tells nobody when it has changed
            await asyncio.sleep(0.05)


async def test_every_store_tells_the_same(scheduler: Scheduler) -> None:
    at = (await scheduler.job_info("report")).next_fire
    assert at is not None
    assert (await scheduler.why("report", at)).verdict is TickVerdict.TO_COME
    await scheduler.pause("report", who="anna", why="stocktaking")
    paused = await scheduler.why("report", at)
    await scheduler.resume("report", who="ben")
    await scheduler.skip_next("report", who="carl", why="no paper")
    skipped = await scheduler.why("report", at)
    assert paused.verdict is TickVerdict.PAUSED
    assert "by anna" in paused.sentence
    assert skipped.verdict is TickVerdict.BY_HAND
    assert [order.who for order in skipped.orders] == ["carl"]


async def test_a_tick_that_ran_is_found_by_its_time(scheduler: Scheduler) -> None:
    async def has_ended() -> bool:
        return any(run.ended_at for run in await scheduler.runs("quick"))

    await until(has_ended)
    ran = [run for run in await scheduler.runs("quick") if run.ended_at][-1]
    found = await scheduler.why("quick", ran.fire_time)
    assert (found.verdict, found.run and found.run.id) == (TickVerdict.SUCCEEDED, ran.id)


@pytest.mark.redis
async def test_a_store_that_was_silent_is_told_from_a_fleet_that_was_down(
    own_redis: OwnServer,
) -> None:
    scheduler = Scheduler(own_redis.url, program="test", session_ttl=3 * SECOND)
    scheduler.add_job(lambda _: None, every(SECOND), "quick", misfire_grace=SECOND)

    async def was_silent_for_long() -> bool:
        is_over = datetime.now(UTC) > frozen_at + 6 * SECOND
        return is_over and not (await scheduler.health()).ready

    async def gaps() -> list[GapInfo]:
        return [each for each in await scheduler.gaps("quick") if each.reason == "misfire"]

    async def has_gap() -> bool:
        return bool(await gaps())

    async with scheduler:
        own_redis.freeze()
        frozen_at = datetime.now(UTC)
        await until(was_silent_for_long)
        own_redis.thaw()
        await until(has_gap)
        gap = (await gaps())[-1]
        found = await scheduler.why("quick", gap.first)
        (instance,) = await scheduler.instances()
    assert found.verdict is TickVerdict.STORE_DOWN
    assert f"{instance.label} was there" in found.sentence
