"""An instance with nothing to do leaves its server alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cronfleet import RunContext, Scheduler, at
from tests.conftest import in_use
from tests.redis_servers import Replicated
from tests.servers import Server, find_binary
from tests.stores.openers import until
from tests.stores.proxies import LossyProxy

pytestmark = pytest.mark.redis

LOOKED_AT_S = 6.0
MOST_PER_S = 2.0


async def commands_per_s(server: Server, options: str = "") -> float:
    async with LossyProxy(server.host, server.port) as proxy:
        scheduler = Scheduler(proxy.url + options, fleet="idle", program="idle")

        @scheduler.job(at(datetime(2199, 1, 1, tzinfo=UTC)))
        async def far_off(run: RunContext) -> None: ...

        async with scheduler:
            # Joining is over, and the hints are heard.
            await until(lambda: any("SUBSCRIBE" in names for names in proxy.commands))
            before, began = proxy.requests, time.monotonic()
            # Only real time can pass here.
            await until(lambda: time.monotonic() - began > LOOKED_AT_S)
            rate = (proxy.requests - before) / (time.monotonic() - began)
    return rate


async def test_an_idle_instance_sends_under_two_commands_a_second(redis_server: Server) -> None:
    assert await commands_per_s(redis_server) < MOST_PER_S


async def test_waiting_for_replicas_it_does_so_too(
    pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    with in_use(pytestconfig, lambda: Replicated(find_binary("redis"), tmp_path)) as servers:
        assert await commands_per_s(servers.data[0], "?durability=wait") < MOST_PER_S
