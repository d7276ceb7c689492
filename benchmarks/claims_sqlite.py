"""Claims, starts and completions a second on an SQLite file, and what a commit costs."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path

from cronfleet.model import Claim, Fire, JobName, OnLost, Outcome, SessionId, StartId
from cronfleet.store import Completion, Declaration, Granted, NewSession, Start, TickClaim
from cronfleet.stores.sqlite import SqliteStore

PROGRAM = "benchmark"
SECONDS = 3.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(f"SQLite {sqlite3.sqlite_version} in {folder}")
        for journal in ("DELETE", "TRUNCATE", "PERSIST", "WAL"):
            print(f"commit of one row, {journal:8} {_commit_ms(Path(folder), journal):8.2f} ms")
        asyncio.run(_measure(Path(folder) / "cronfleet.db"))


def _commit_ms(folder: Path, journal: str) -> float:
    with closing(sqlite3.connect(folder / journal, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE row (value)")
        began, rows = time.perf_counter(), 100
        for _ in range(rows):
            connection.execute("INSERT INTO row VALUES (1)")
        return (time.perf_counter() - began) / rows * 1000


async def _measure(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    ticks = _Ticks(store, SessionId(secrets.token_hex(16)))
    await ticks.declare("one", "batch", *(f"gathered-{n}" for n in range(50)))
    await _report("one at a time", ticks.worked("one", 1))
    await _report("in lists of 50", ticks.worked("batch", 50))
    await _report("by 50 callers at once", *(ticks.worked(f"gathered-{n}", 1) for n in range(50)))
    await store.aclose()


class _Ticks:
    """Jobs whose ticks follow each other by the millisecond, due since 1970."""

    def __init__(self, store: SqliteStore, session: SessionId) -> None:
        self._store = store
        self._session = session

    async def declare(self, *jobs: JobName) -> None:
        new = NewSession(self._session, PROGRAM, "benchmark", 600_000, "2026a")
        await self._store.join(new)
        declarations = [
            Declaration(job, f"{job:0>32}", "0" * 32, "{}", 0, OnLost.ABANDON, Fire(1, 1))
            for job in jobs
        ]
        await self._store.sync_jobs(self._session, PROGRAM, declarations)

    async def worked(self, job: JobName, batch: int) -> int:
        """How many ticks were claimed, started and completed until the time was over."""
        done, end = 0, time.perf_counter() + SECONDS
        while time.perf_counter() < end:
            wanted = [_tick(job, done + n) for n in range(1, batch + 1)]
            answers = await self._store.claim(self._session, wanted)
            claims = [answer.claim for answer in answers if isinstance(answer, Granted)]
            await self._work(claims)
            done += len(claims)
        return done

    async def _work(self, claims: list[Claim]) -> None:
        starts = [Start(each.run, each.token, StartId(secrets.token_hex(16))) for each in claims]
        await self._store.start(self._session, starts)
        await self._store.complete(
            [Completion(each.run, each.token, Outcome.SUCCEEDED) for each in claims]
        )


def _tick(job: JobName, fire_time: int) -> TickClaim:
    return TickClaim(job, 1, fire_time, fire_time, Fire(fire_time + 1, fire_time + 1))


async def _report(name: str, *working: Coroutine[None, None, int]) -> None:
    began = time.perf_counter()
    ticks = sum(await asyncio.gather(*working))
    spent = time.perf_counter() - began
    print(f"claimed, started, completed {name:22} {ticks / spent:8.0f} ticks/s")


if __name__ == "__main__":
    main()
