"""The conformance suite where production keeps its Redis: old, behind Sentinel, in a cluster.

Behind TLS the same scripts run: `test_redis_tls.py` has what differs.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.conformance import StoreConformance
from tests.redis_servers import Cluster, Replicated, Watched

pytestmark = pytest.mark.redis


async def opened(url: str, clock: ManualClock) -> AsyncIterator[Store]:
    store = RedisStore(url, fleet=secrets.token_hex(4), clock=clock)
    await store.open()
    yield store
    await store.aclose()


class TestOldest(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock, oldest_redis: Replicated) -> AsyncIterator[Store]:
        async for store in opened(oldest_redis.url, clock):
            yield store


class TestSentinelWaitingForReplicas(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock, watched_redis: Watched) -> AsyncIterator[Store]:
        async for store in opened(f"{watched_redis.url}?durability=wait", clock):
            yield store


class TestCluster(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock, redis_cluster: Cluster) -> AsyncIterator[Store]:
        async for store in opened(redis_cluster.url, clock):
            yield store
