"""What a store keeps is bounded, however long it lives."""

from __future__ import annotations

import secrets
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import History, Outcome
from cronfleet.store import KEY_KEPT_MS, MOST_PENDING, Ordered, Store, Triggered
from cronfleet.testing.samples import (
    START,
    bury,
    completed,
    granted,
    joined,
    order,
    renew,
    report,
    started,
    triggered,
)
from tests.servers import Server
from tests.stores.checkups import pending
from tests.stores.plants import InMemory, InRedis, InSqlite, Planted

KEPT = History(successes=2, failures=2)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture(
    params=["memory", "sqlite", pytest.param("redis", marks=pytest.mark.redis)],
)
async def planted(
    request: pytest.FixtureRequest, clock: ManualClock, tmp_path: Path
) -> AsyncIterator[Planted]:
    match request.param:
        case "memory":
            made: Planted = InMemory(clock)
        case "sqlite":
            made = InSqlite(clock, tmp_path / "cronfleet.db")
        case _:
            server: Server = request.getfixturevalue("redis_server")
            made = InRedis(clock, server.url, secrets.token_hex(4))
    await made.store.open()
    yield made
    await made.store.aclose()
    if isinstance(made, InRedis):
        made.redis.close()


def size(planted: Planted) -> Counter[str]:
    """How many things there are of each kind."""
    if isinstance(planted, InRedis):
        return _redis_size(planted)
    if isinstance(planted, InSqlite):
        return _sqlite_size(planted.file)
    assert isinstance(planted, InMemory)
    kept: dict[str, Any] = vars(planted.memory._records)
    return Counter({name: len(kept[name]) for name in kept if type(kept[name]) in (dict, list)})


def _redis_size(planted: InRedis) -> Counter[str]:
    lengths: dict[str, Callable[[str], int]] = {
        "hash": planted.redis.hlen,
        "list": planted.redis.llen,
        "set": planted.redis.scard,
        "zset": planted.redis.zcard,
    }
    sizes = Counter[str]()
    for key in planted.redis.scan_iter(f"{planted.base}*"):
        kind = key.removeprefix(planted.base).split(":")[0]
        length = lengths.get(planted.redis.type(key))
        sizes[kind] += length(key) if length else 1
    return sizes


def _sqlite_size(file: Path) -> Counter[str]:
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        names = [row[0] for row in tables.fetchall()]
        return Counter({name: _count(connection, name) for name in names})


def _count(connection: sqlite3.Connection, table: str) -> int:
    row: Any = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0])


async def a_day(store: Store, clock: ManualClock, number: int) -> None:
    """A new edition is rolled out; one instance leaves and one dies; runs fail; a person orders."""
    edition = report(edition=number)
    leaving = await joined(store, "anna", edition)
    await store.leave(leaving)
    dying = await joined(store, "ben", edition)
    for outcome in (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.FAILED):
        clock.advance(timedelta(seconds=1))
        renew(store, dying)
        claim = await granted(store, dying, pending(await triggered(store)))
        await completed(store, await started(store, dying, claim), outcome, error="it burns")
    await started(store, dying, await granted(store, dying, pending(await triggered(store))))
    await bury(store, clock, dying)
    await store.pause("report", order())
    clock.advance(timedelta(milliseconds=KEY_KEPT_MS + 1))
    await store.prune({"report": KEPT})


async def test_a_store_in_daily_use_stops_growing(planted: Planted, clock: ManualClock) -> None:
    """All of it: sessions, what they declared and held, runs and their errors, answers."""
    for day in range(25):
        await a_day(planted.store, clock, day)
    before = size(planted)
    for day in range(25, 35):
        await a_day(planted.store, clock, day)
    after = size(planted)
    # The audit has its own bound, and the server's expiry takes the answers.
    for kind in ("audit", "_audit", "answer"):
        before[kind] = after[kind] = 0
    assert after == before


async def test_a_job_without_a_limit_that_nobody_runs_is_triggered_so_often_and_no_more(
    planted: Planted,
) -> None:
    await joined(planted.store, "anna", report(limit=0))
    planted.job("report", active=MOST_PENDING - 1)
    assert isinstance(await planted.store.trigger("report", order()), Triggered)
    assert await planted.store.trigger("report", order()) is Ordered.FULL
