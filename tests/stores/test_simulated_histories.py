"""Whatever simulated fleets ask of it under faults, a store answers as the reference does.

The simulator lives with the stores in memory and in SQLite, whose steps are one; so this is how
its histories cover Redis' Lua and PostgreSQL's transactions.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Renewal, Store, StoreInfo
from cronfleet.stores.memory import MemoryStore
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.samples import START
from tests.postgres_servers import Postgres
from tests.servers import Server
from tests.simulation.drawing import drawn
from tests.simulation.mirror import Request
from tests.simulation.recording import Asked, asked
from tests.stores.renaming import Renaming

SEEDS = range(6)
MOST = 1_000

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def quiet() -> Generator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(params=SEEDS)
def history(request: pytest.FixtureRequest) -> list[Asked]:
    """Before the test's own event loop runs: a simulated one cannot run inside it."""
    return asked(drawn(request.param, "memory"), MOST)


@pytest.mark.redis
async def test_redis_answers_simulated_fleets_as_the_reference_does(
    redis_server: Server, history: list[Asked]
) -> None:
    await check(history, lambda clock, _: _redis(redis_server, clock))


@pytest.mark.valkey
async def test_valkey_answers_simulated_fleets_as_the_reference_does(
    valkey_server: Server, history: list[Asked]
) -> None:
    await check(history, lambda clock, _: _redis(valkey_server, clock))


@pytest.mark.postgres
async def test_postgres_answers_simulated_fleets_as_the_reference_does(
    postgres_server: Postgres, history: list[Asked]
) -> None:
    def opened(clock: ManualClock, memory: MemoryStore) -> Store:
        store = PostgresStore(postgres_server.url, fleet=secrets.token_hex(8), clock=clock)
        return cast("Store", Renaming(store, memory))

    await check(history, opened)


def _redis(server: Server, clock: ManualClock) -> Store:
    return RedisStore(server.url, fleet=secrets.token_hex(8), clock=clock)


async def check(history: list[Asked], opened: Callable[[ManualClock, MemoryStore], Store]) -> None:
    """Ask both all of it, and then what there is."""
    clock = ManualClock(START)
    memory = MemoryStore(clock)
    store = opened(clock, memory)
    await memory.open()
    await store.open()
    try:
        for number, each in enumerate(history):
            clock.leap(timedelta(milliseconds=each.wall_ms - clock.wall_ms()))
            expected = await answer(memory, each)
            assert await answer(store, each) == expected, f"{number}: {each}"
        assert await kept(store) == await kept(memory)
    finally:
        await store.aclose()


async def answer(store: Store, each: Asked) -> object:
    """What it says, but for what each store has of its own; an error is an answer, too."""
    try:
        return _without_own(await _ask(store, each.request))
    except ValueError as error:
        return str(error)


async def _ask(store: Store, request: Request) -> Any:
    if request.op == "renew":
        with closing(store.renewer()) as renewer:
            return renewer.renew(*request.arguments)
    return await getattr(store, request.op)(*request.arguments, **request.named)


def _without_own(said: Any) -> object:
    match said:
        case StoreInfo():
            return replace(said, id="its own")
        case Renewal():
            cancels = [each.run for each in said.cancels]  # Their tokens may be its own.
            return replace(said, info=replace(said.info, id="its own"), cancels=()), cancels
        case _:
            return said


async def kept(store: Store) -> object:
    """All jobs with what became of their ticks, and who is there."""
    jobs = await store.jobs()
    runs = [await store.runs(job.name, limit=500) for job in jobs]
    gaps = [await store.gaps(job.name, limit=500) for job in jobs]
    return jobs, runs, gaps, await store.instances(), await store.audit(limit=500)
