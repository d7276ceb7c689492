from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import RunId
from cronfleet.store import Store
from cronfleet.stores.postgres import PostgresStore
from cronfleet.testing.conformance import StoreConformance, StoreRules
from cronfleet.testing.conformance.races import race
from cronfleet.testing.samples import START
from tests.postgres_servers import OwnPooler, Postgres
from tests.stores.crowd import Member, check
from tests.stores.postgres_fleets import UsedFleet

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="class")
def fleet(postgres_server: Postgres) -> Iterator[UsedFleet]:
    with closing(UsedFleet(postgres_server)) as fleet:
        yield fleet


class TestPostgres(StoreConformance):
    @pytest.fixture
    async def store(
        self, clock: ManualClock, postgres_server: Postgres, fleet: UsedFleet
    ) -> AsyncIterator[Store]:
        async for store in opened(postgres_server.url, fleet, clock):
            yield store


@pytest.fixture(scope="class")
def newest_fleet(newest_postgres_server: Postgres) -> Iterator[UsedFleet]:
    with closing(UsedFleet(newest_postgres_server)) as fleet:
        yield fleet


class TestNewestPostgres(StoreConformance):
    @pytest.fixture
    async def store(
        self, clock: ManualClock, newest_postgres_server: Postgres, newest_fleet: UsedFleet
    ) -> AsyncIterator[Store]:
        async for store in opened(newest_postgres_server.url, newest_fleet, clock):
            yield store


class TestPostgresBehindAPooler(StoreRules):
    """The statements are those of the server behind it, of which the tables are asked above."""

    @pytest.fixture
    async def store(
        self, clock: ManualClock, pooler: OwnPooler, newest_fleet: UsedFleet
    ) -> AsyncIterator[Store]:
        async for store in opened(pooler.url, newest_fleet, clock):
            yield store


async def opened(url: str, fleet: UsedFleet, clock: ManualClock) -> AsyncIterator[Store]:
    store = PostgresStore(url, fleet=fleet.as_new(), clock=clock)
    await store.open()
    yield store
    await store.aclose()


@pytest.mark.timeout(300)
async def test_fifty_claimers_of_one_tick_over_a_hundred_rounds_make_a_hundred_claims(
    postgres_server: Postgres,
) -> None:
    grants = await raced(postgres_server.url, rounds=100)
    assert (len(grants), set(grants.values())) == (100, {1})


async def raced(url: str, rounds: int) -> Counter[RunId]:
    """Fifty claimers on ten stores, each with connections of its own."""
    fleet, clock = secrets.token_hex(4), ManualClock(START)
    stores = [PostgresStore(url, fleet=fleet, clock=clock, call_timeout=30) for _ in range(10)]
    await asyncio.gather(*(store.open() for store in stores))
    try:
        return await race(stores, rounds)
    finally:
        for store in stores:
            await store.aclose()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(3))
async def test_what_a_crowd_does_at_once_adds_up(postgres_server: Postgres, seed: int) -> None:
    fleet = secrets.token_hex(4)
    stores = [PostgresStore(postgres_server.url, fleet=fleet, call_timeout=30) for _ in range(6)]
    await asyncio.gather(*(store.open() for store in stores))
    members = [Member(store, 100 * seed + n) for n, store in enumerate(stores)]
    await asyncio.gather(*(member.work(rounds=60) for member in members))
    await check(stores[0], members)
    for store in stores:
        await store.aclose()
