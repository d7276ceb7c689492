from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.conformance import StoreConformance
from cronfleet.testing.conformance.races import race
from cronfleet.testing.samples import START
from tests.servers import Server

pytestmark = pytest.mark.valkey


class TestValkey(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock, valkey_server: Server) -> AsyncIterator[Store]:
        store = RedisStore(valkey_server.url, fleet=secrets.token_hex(4), clock=clock)
        await store.open()
        yield store
        await store.aclose()


@pytest.mark.timeout(180)
async def test_fifty_claimers_of_one_tick_over_250_rounds_make_250_claims(
    valkey_server: Server,
) -> None:
    fleet, clock = secrets.token_hex(4), ManualClock(START)
    stores = [RedisStore(valkey_server.url, fleet=fleet, clock=clock) for _ in range(10)]
    for store in stores:
        await store.open()
    grants = await race(stores, rounds=250)
    for store in stores:
        await store.aclose()
    assert (len(grants), set(grants.values())) == (250, {1})
