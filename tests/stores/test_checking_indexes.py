"""Indexes that do not agree with the records are found, and corrected by them."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import RunState
from cronfleet.store import FaultKind
from cronfleet.testing.samples import (
    NOON,
    PROGRAM,
    START,
    joined,
    order,
    report,
    the_job,
    the_run,
)
from tests.servers import Server
from tests.stores.checkups import found, lived, mended, run_in
from tests.stores.plants import InRedis, InSqlite

K = FaultKind


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def redis(clock: ManualClock, redis_server: Server) -> AsyncIterator[InRedis]:
    made = InRedis(clock, redis_server.url, secrets.token_hex(4))
    await made.store.open()
    yield made
    await made.store.aclose()
    made.redis.close()


PLACED_WRONG = [
    ("zrem", "runs:report", RunState.FAILED),
    ("zrem", "runs:report", RunState.SUCCEEDED),
    ("zrem", "pending:reports", RunState.PENDING),
    ("zrem", "waiting:report", RunState.WAITING),
    ("zrem", "successes:report", RunState.SUCCEEDED),
    ("zrem", "failures:report", RunState.FAILED),
    ("zadd", "runs:report", RunState.FAILED),
    ("zadd", "pending:reports", RunState.STARTED),
    ("zadd", "pending:reports", RunState.PENDING),
    ("zadd", "waiting:report", RunState.PENDING),
    ("zadd", "successes:report", RunState.STARTED),
    ("zadd", "failures:report", RunState.SUCCEEDED),
]


@pytest.mark.redis
@pytest.mark.parametrize(("command", "index", "state"), PLACED_WRONG)
async def test_a_run_that_an_index_has_wrong_is_found_and_put_right(
    redis: InRedis, command: str, index: str, state: RunState
) -> None:
    """Missing, in one where it does not belong, or at another instant."""
    await lived(redis)
    run = await run_in(redis, state)
    place = f"m{run.fire_time}" + (f"+a{run.number}" if run.number else "")
    member = str(run) if index.startswith("pending") else place
    if command == "zrem":
        assert redis.redis.zrem(redis.base + index, member) == 1
    else:
        redis.redis.zadd(redis.base + index, {member: NOON + 7})
    before = [await the_run(redis.store, run), await the_job(redis.store)]
    assert (K.INDEX, f"run {run}") in await found(redis)
    assert all(fault.mended for fault in await mended(redis))
    assert [await the_run(redis.store, run), await the_job(redis.store)] == before


@pytest.mark.redis
@pytest.mark.parametrize(
    ("index", "member", "where"),
    [
        ("runs:report", "m1795521600000+a9", "run report@1795521600000+9"),
        ("waiting:report", "m1795521600000+a9", "run report@1795521600000+9"),
        ("failures:report", "m1795521600000+a9", "run report@1795521600000+9"),
        ("pending:reports", "report@1795521600000+9", "run report@1795521600000+9"),
        ("due:reports", "none", "job none"),
    ],
)
async def test_what_points_to_nothing_is_dropped(
    redis: InRedis, index: str, member: str, where: str
) -> None:
    await lived(redis)
    redis.redis.zadd(redis.base + index, {member: NOON})
    assert (K.INDEX, where) in await found(redis)
    await mended(redis)
    assert redis.redis.zscore(redis.base + index, member) is None


@pytest.mark.redis
@pytest.mark.parametrize("score", [None, NOON + 1])
async def test_a_job_that_would_not_be_seen_when_it_is_due_is(
    redis: InRedis, score: int | None
) -> None:
    await joined(redis.store, "anna", report())
    if score is None:
        redis.redis.zrem(redis.base + "due:reports", "report")
    else:
        redis.redis.zadd(redis.base + "due:reports", {"report": score})
    assert (await redis.store.peek(PROGRAM, limit=1)).due == []
    assert await found(redis) == [(K.INDEX, "job report")]
    await mended(redis)
    assert len((await redis.store.peek(PROGRAM, limit=1)).due) == 1


@pytest.mark.redis
async def test_a_held_run_whose_session_nobody_would_sweep_is_swept_again(redis: InRedis) -> None:
    await lived(redis)
    run = await run_in(redis, RunState.STARTED)
    (anna,) = redis.redis.zrange(redis.base + "sessions", 0, -1)
    redis.redis.zrem(redis.base + "sessions", anna)
    redis.redis.delete(f"{redis.base}session:{anna}", f"{redis.base}held:{anna}")
    assert (K.INDEX, f"run {run}") in await found(redis)
    await redis.store.check("report", None, order())
    await redis.store.check("other", None, order())
    await redis.store.sweep()
    assert (await the_run(redis.store, run)).state is RunState.LOST
    assert await found(redis) == []


@pytest.mark.redis
async def test_a_session_without_its_record_is_ended(redis: InRedis) -> None:
    anna = await lived(redis)
    redis.redis.delete(f"{redis.base}session:{anna}")
    assert (K.INDEX, f"session {anna}") in await found(redis)
    await mended(redis)
    assert {swept.state for swept in await redis.store.sweep()} == {
        RunState.LOST,
        RunState.PENDING,
    }


@pytest.mark.redis
async def test_what_a_session_is_said_to_hold_and_does_not_is_dropped(redis: InRedis) -> None:
    anna = await lived(redis)
    redis.redis.zadd(f"{redis.base}held:{anna}", {"report m1795521600000+a9": 0})
    assert await found(redis) == [(K.INDEX, "run report@1795521600000+9")]
    await mended(redis)
    assert await redis.store.held(anna) != []


async def test_a_run_under_another_program_than_its_job_is_put_back(
    clock: ManualClock, tmp_path: Path
) -> None:
    sqlite = InSqlite(clock, tmp_path / "cronfleet.db")
    await sqlite.store.open()
    await lived(sqlite)
    run = await run_in(sqlite, RunState.PENDING)
    sqlite.do("UPDATE run SET program = 'theirs' WHERE id = ?", str(run))
    assert await found(sqlite) == [(K.INDEX, f"run {run}")]
    (fault,) = await sqlite.store.check("report", None, order())
    assert fault.mended
    assert await found(sqlite) == []
    await sqlite.store.aclose()


async def test_a_damaged_file_is_told_and_left_to_a_person(
    clock: ManualClock, tmp_path: Path
) -> None:
    sqlite = InSqlite(clock, tmp_path / "cronfleet.db")
    await sqlite.store.open()
    await lived(sqlite)
    with closing(sqlite3.connect(sqlite.file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET rootpage = 2 WHERE name = 'run_ended'")
        connection.commit()
    await sqlite.store.aclose()
    await sqlite.store.open()
    faults = await sqlite.store.check_fleet(order())
    assert {fault.kind for fault in faults} == {K.FILE}
    assert not any(fault.mended for fault in faults)
    await sqlite.store.aclose()
