from __future__ import annotations

import itertools
import secrets
from pathlib import Path

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.sqlite import SqliteStore
from tests.postgres_servers import Postgres
from tests.servers import Server
from tests.stores.differential import check

pytestmark = pytest.mark.timeout(120)


async def test_sqlite_answers_any_history_as_the_reference_does(quick_path: Path) -> None:
    numbers = itertools.count()

    def opened(clock: ManualClock) -> Store:
        return SqliteStore(quick_path / f"{next(numbers)}.db", clock=clock)

    await check(opened)


@pytest.mark.redis
async def test_redis_answers_any_history_as_the_reference_does(redis_server: Server) -> None:
    await check(lambda clock: RedisStore(redis_server.url, fleet=secrets.token_hex(8), clock=clock))


@pytest.mark.valkey
async def test_valkey_answers_any_history_as_the_reference_does(valkey_server: Server) -> None:
    """A few: the scripts are those that Redis was asked by."""

    def opened(clock: ManualClock) -> Store:
        return RedisStore(valkey_server.url, fleet=secrets.token_hex(8), clock=clock)

    await check(opened, histories=8)


@pytest.mark.postgres
@pytest.mark.timeout(300)
async def test_postgres_answers_any_history_as_the_reference_does(
    postgres_server: Postgres,
) -> None:
    def opened(clock: ManualClock) -> Store:
        return PostgresStore(postgres_server.url, fleet=secrets.token_hex(8), clock=clock)

    await check(opened, renames=True)
