"""What a job at rest and a kept run cost a Redis server, in bytes.

Two figures each: how far the server's memory in use grew, its tables included, and the sum of what
it says of each key. Runs are kept as by default, 100 of each job.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from redis import Redis

from cronfleet.definition import digest, encode, schedule_digest
from cronfleet.model import Claim, JobDefinition, Outcome, SessionId
from cronfleet.store import Completion, Declaration, Granted, Start
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.samples import HOUR_MS, PROGRAM, fire, join, start_id, tick
from tests.servers import OwnServer, find_binary

JOBS = 10_000
RUNS_A_JOB = 100
JOBS_THAT_RAN = 100
FIRST = 1_700_000_000_000


@dataclass(frozen=True)
class Memory:
    """In bytes: all that is in use, and the part of each kind of key."""

    used: int
    keys: Counter[str]

    def per(self, count: int, before: Memory) -> str:
        kinds = self.keys - before.keys
        parts = ", ".join(f"{kind} {size / count:.0f}" for kind, size in kinds.most_common())
        used = (self.used - before.used) / count
        return f"{used:5,.0f} B in use; by key {kinds.total() / count:,.0f} B ({parts})"


def measured(server: OwnServer) -> Memory:
    # redis-py leaves its **kwargs untyped
    client = cast("Any", Redis(host=server.host, port=server.port, decode_responses=True))
    with client:
        sizes: Counter[str] = Counter()
        for key in client.scan_iter(count=1_000):
            sizes[key.split(":")[2]] += client.memory_usage(key, samples=0)
        return Memory(client.info("memory")["used_memory"], sizes)


def declared(name: str) -> Declaration:
    definition = JobDefinition(name, {"kind": "cron", "expression": "0 * * * *", "tz": "UTC"})
    json = encode(definition)
    return Declaration(
        name=name,
        digest=digest(json),
        schedule_digest=schedule_digest(definition),
        json=json,
        limit=definition.limit,
        on_lost=definition.on_lost,
        first=fire(FIRST),
    )


async def carry_through(store: RedisStore, session: SessionId, names: list[str], at: int) -> None:
    answers = await store.claim(session, [tick(name, at) for name in names])
    claims: list[Claim] = [each.claim for each in answers if isinstance(each, Granted)]
    assert len(claims) == len(names)
    await store.start(session, [Start(each.run, each.token, start_id()) for each in claims])
    said = [Completion(each.run, each.token, Outcome.SUCCEEDED) for each in claims]
    await store.complete(said)


async def live(server: OwnServer) -> None:
    names = [f"send-report-{number}" for number in range(JOBS)]
    store = RedisStore(server.url)
    await store.open()
    session = await join(store, "reports-7d4b9c6f5d-x2vqk:1")
    await store.sync_jobs(session, PROGRAM, [declared("the-first")])
    empty = measured(server)
    await store.sync_jobs(session, PROGRAM, [declared(name) for name in names])
    at_rest = measured(server)
    for number in range(RUNS_A_JOB):
        await carry_through(store, session, names[:JOBS_THAT_RAN], FIRST + number * HOUR_MS)
    ran = measured(server)
    await store.aclose()
    print(f"a job at rest: {at_rest.per(JOBS, empty)}")
    print(f"a kept run:    {ran.per(JOBS_THAT_RAN * RUNS_A_JOB, at_rest)}")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = OwnServer(find_binary("redis"), Path(folder))
        try:
            asyncio.run(live(server))
        finally:
            server.stop()
