"""The conformance suite where production keeps its Redis: old, behind Sentinel, in a cluster.

Another server answers in its own way, so the oldest is asked all of it. A Sentinel or a cluster
before the same server has the same scripts: each of them runs there in many ways, but the tables
are not asked again. Behind TLS nothing differs but what `test_redis_tls.py` has.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.conformance import StoreConformance, StoreRules
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


class TestSentinelWaitingForReplicas(StoreRules):
    @pytest.fixture
    async def store(self, clock: ManualClock, watched_redis: Watched) -> AsyncIterator[Store]:
        async for store in opened(f"{watched_redis.url}?durability=wait", clock):
            yield store


class TestCluster(StoreRules):
    @pytest.fixture
    async def store(self, clock: ManualClock, redis_cluster: Cluster) -> AsyncIterator[Store]:
        async for store in opened(redis_cluster.url, clock):
            yield store
