"""The conformance suite where production keeps its Redis: old, behind TLS, Sentinel, a cluster."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.conformance import StoreConformance
from tests.redis_servers import Cluster, Replicated, TlsServer, Watched

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


class TestOldestWaitingForReplicas(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock, oldest_redis: Replicated) -> AsyncIterator[Store]:
        async for store in opened(f"{oldest_redis.url}?durability=wait", clock):
            yield store


class TestTls(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock, tls_redis: TlsServer) -> AsyncIterator[Store]:
        async for store in opened(tls_redis.url, clock):
            yield store


class TestSentinel(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock, watched_redis: Watched) -> AsyncIterator[Store]:
        async for store in opened(watched_redis.url, clock):
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
