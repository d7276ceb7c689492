"""10,000 one-shot jobs due in the same second, on a Redis server of its own.

Beside them the ceiling: the same claims, starts and completions from a bare loop, in one run.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cronfleet import RunContext, Scheduler, at
from cronfleet.model import Outcome, StartId
from cronfleet.store import Completion, Granted, Start, Store
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.samples import PROGRAM, join, report, tick
from tests.servers import OwnServer, find_binary

JOBS = 10_000
LEAD = timedelta(seconds=4)


async def ceiling(store: Store, batch: int) -> float:
    """Ticks a second from a bare loop."""
    await store.open()
    session = await join(store, "bare")
    names = [f"bare-{n}" for n in range(JOBS)]
    await store.sync_jobs(session, PROGRAM, [report(name, first=1) for name in names])
    began = time.perf_counter()
    for first in range(0, JOBS, batch):
        await _carry_through(store, session, names[first : first + batch])
    rate = JOBS / (time.perf_counter() - began)
    await store.aclose()
    return rate


async def _carry_through(store: Store, session: str, names: list[str]) -> None:
    answers = await store.claim(session, [tick(name, 1) for name in names])
    claims = [answer.claim for answer in answers if isinstance(answer, Granted)]
    starts = [Start(c.run, c.token, StartId(secrets.token_hex(16))) for c in claims]
    assert all(await store.start(session, starts))
    await store.complete([Completion(c.run, c.token, Outcome.SUCCEEDED) for c in claims])


async def scheduler(url: str) -> tuple[float, list[float]]:
    """Ticks a second from their due instant to the last end; and how late each was entered."""
    due = (datetime.now(UTC) + LEAD).replace(microsecond=0)
    late_ms: list[float] = []
    done = asyncio.Event()

    async def handler(run: RunContext) -> None:
        late_ms.append((time.time() - run.fire_time.timestamp()) * 1000)
        if len(late_ms) == JOBS:
            done.set()

    fleet = Scheduler(url, program="benchmark", fleet=secrets.token_hex(4))
    for number in range(JOBS):
        fleet.add_job(handler, at(due), f"job-{number}")
    async with fleet:
        await done.wait()
    return JOBS / (time.time() - due.timestamp()), sorted(late_ms)


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        server = OwnServer(find_binary("redis"), Path(folder))
        try:
            bare = {n: asyncio.run(ceiling(_store(server), n)) for n in (200, 500)}
            rate, late_ms = asyncio.run(scheduler(server.url))
        finally:
            server.stop()
    for batch, ceiling_rate in bare.items():
        print(f"ceiling, bare loop in batches of {batch}: {ceiling_rate:8,.0f} ticks/s")
    print(f"scheduler, one instance:          {rate:8,.0f} ticks/s")
    print(f"  of the ceiling in batches of 200: {rate / bare[200]:.0%}")
    print(f"  {JOBS:,} due at once drained in {JOBS / rate:.2f} s;", end=" ")
    print(f"p50 {late_ms[JOBS // 2]:,.0f} ms late, p99 {late_ms[JOBS * 99 // 100]:,.0f} ms")


def _store(server: OwnServer) -> RedisStore:
    return RedisStore(server.url, fleet=secrets.token_hex(4))
