"""Tokens on PostgreSQL: above all that were given before, also by a server that is no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import IfActive, Locked
from cronfleet.stores.postgres import PostgresStore, pool
from cronfleet.stores.postgres.queries import Batch
from cronfleet.stores.postgres.statements import statements
from cronfleet.testing.samples import (
    HOUR_MS,
    ONE_PM,
    START,
    TWO_PM,
    granted,
    joined,
    new_owner,
    order,
    renew,
    report,
    tick,
)
from tests.postgres_servers import Postgres
from tests.stores.postgres_rig import Opener, looker, opener, tables

pytestmark = pytest.mark.postgres


@pytest.fixture
async def opened() -> AsyncGenerator[Opener]:
    async with opener() as open_one:
        yield open_one


async def next_token(store: PostgresStore, name: str = "n") -> int:
    """By a program that does nothing but lock."""
    owner = new_owner()
    answer = await store.lock(name, owner, 9_000, waits=False)
    await store.unlock(name, owner)
    assert isinstance(answer, Locked)
    return answer.token


def last_token(server: Postgres, store: PostgresStore) -> int:
    return server.tell(f"SELECT last_value FROM {tables(store)}.token")


def forget_since(server: Postgres, store: PostgresStore, token: int) -> None:
    """What a copy that was made when this token was the last does not know."""
    server.tell(f"SELECT setval('{tables(store)}.token', {token})")


async def test_a_program_that_only_locks_has_tokens_that_follow_the_clock(
    postgres_server: Postgres, opened: Opener
) -> None:
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    for _ in range(3):
        clock.advance(timedelta(milliseconds=100))
        assert await next_token(store) > clock.wall_ms() * 1024


async def test_tokens_rise_when_a_copy_is_restored_on_the_running_server(
    postgres_server: Postgres, opened: Opener
) -> None:
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    await next_token(store)
    given = [0]
    copied = last_token(postgres_server, store)
    for _ in range(40):
        clock.advance(timedelta(milliseconds=2))
        given.append(await next_token(store))
    forget_since(postgres_server, store, copied)
    clock.advance(timedelta(milliseconds=1))
    assert await next_token(store) > max(given)


async def test_tokens_rise_when_a_standby_that_lacks_the_last_takes_over_at_once(
    postgres_server: Postgres, opened: Opener
) -> None:
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    await next_token(store)
    received = last_token(postgres_server, store)
    given = [await next_token(store) for _ in range(100)]
    forget_since(postgres_server, store, received)
    postgres_server.tell(f"UPDATE {tables(store)}.fleet SET server_started_at = 1")
    assert await next_token(store) > max(given)


async def test_tokens_rise_when_a_restored_store_is_adopted(
    postgres_server: Postgres, opened: Opener
) -> None:
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    await next_token(store)
    copied = last_token(postgres_server, store)
    given = [await next_token(store) for _ in range(100)]
    forget_since(postgres_server, store, copied)
    await store.adopt((await store.open()).id, order())
    assert await next_token(store) > max(given)


async def test_whoever_waits_to_let_tokens_follow_the_clock_looks_again_then(
    postgres_server: Postgres, opened: Opener
) -> None:
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    held = statements(store._schema)["hold_token"]
    async with looker(postgres_server.url) as other, looker(postgres_server.url) as third:
        await other.ask("BEGIN")
        await other.ask(held)
        clock.advance(timedelta(seconds=1))
        asked = asyncio.create_task(next_token(store))
        await third.waiter("advisory")
        ahead = (clock.wall_ms() + 100) * 1024
        await other.ask(f"SELECT setval('{tables(store)}.token', {ahead})")
        await other.ask("COMMIT")
        assert await asked > ahead


async def test_whoever_lets_tokens_follow_the_clock_lowers_them_for_nobody(
    postgres_server: Postgres, opened: Opener
) -> None:
    """Each has a clock of its own, and so finds them behind again and again."""
    given = [0]
    first = await opened(postgres_server.url, fleet := "race_" + new_owner()[:8])

    async def take(store: PostgresStore, clock: ManualClock, name: str) -> None:
        for _ in range(30):
            clock.advance(timedelta(milliseconds=100))
            known = max(given)
            token = await next_token(store, name)
            assert token > known
            given.append(token)

    async with asyncio.TaskGroup() as tasks:
        for number in range(6):
            clock = ManualClock(START + timedelta(milliseconds=37 * number))
            store = await opened(postgres_server.url, fleet, clock=clock)
            tasks.create_task(take(store, clock, f"lock-{number}"))
    assert len(set(given)) == len(given)
    assert await next_token(first) > max(given)


async def test_a_claim_that_locks_the_run_it_replaces_has_a_token_above_all_given_before_that(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the run that it cancels could have the higher token, and the later one the lower."""
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    anna = await joined(store, "anna", report())
    await granted(store, anna, tick())
    clock.advance(timedelta(milliseconds=HOUR_MS))
    renew(store, anna)
    newer = replace(tick(fire_time=ONE_PM), if_active=IfActive.REPLACE, wanted_until=TWO_PM)
    claims = interrupted(monkeypatch, "hold_free_runs", lambda: next_token(store))
    claim = await granted(store, anna, newer)
    (meanwhile,) = claims
    assert claim.token > meanwhile


def interrupted(
    monkeypatch: pytest.MonkeyPatch, statement: str, act: Callable[[], Awaitable[int]]
) -> list[int]:
    """What came of it when somebody acted just before this statement was sent."""
    acted: list[int] = []
    exchange = pool._Link._exchange

    async def noted(link: pool._Link, batch: Batch) -> Sequence[Any]:
        if any(query.statement == statement for query in batch.queries):
            acted.append(await act())
        return await exchange(link, batch)

    monkeypatch.setattr(pool._Link, "_exchange", noted)
    return acted
