"""What a job at rest and a kept run cost a Redis server, in bytes, its tables included."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from benchmarks.load.declaring import declared
from benchmarks.load.joining import join
from benchmarks.measuring.servers import commands_of
from cronfleet.model import JobDefinition, JobName, Outcome, SessionId
from cronfleet.store import Completion, Declaration, Granted, Start, Store
from cronfleet.stores.redis import RedisStore
from cronfleet.testing.samples import HOUR_MS, PROGRAM, fire, start_id, tick
from tests.servers import OwnServer

RUNS_A_JOB = 100
"""As many as are kept by default."""
JOBS_THAT_RAN = 100
FIRST = 1_700_000_000_000


def used_bytes(server: OwnServer) -> int:
    """All that is in use."""
    with commands_of(server) as client:
        return client.info("memory")["used_memory"]


def bytes_of_each(server: OwnServer, jobs: int) -> Mapping[str, float]:
    """Of an empty server: a job at rest, and a kept run."""
    return asyncio.run(_live(server, jobs))


async def _live(server: OwnServer, jobs: int) -> Mapping[str, float]:
    names = [f"send-report-{number}" for number in range(jobs)]
    store = RedisStore(server.url)
    await store.open()
    session = await join(store, PROGRAM)
    await store.sync_jobs(session, PROGRAM, [_hourly("the-first")])
    empty = used_bytes(server)
    await store.sync_jobs(session, PROGRAM, [_hourly(name) for name in names])
    at_rest = used_bytes(server)
    for number in range(RUNS_A_JOB):
        await _carry_through(store, session, names[:JOBS_THAT_RAN], FIRST + number * HOUR_MS)
    ran = used_bytes(server)
    await store.aclose()
    return {
        "job at rest": (at_rest - empty) / jobs,
        "kept run": (ran - at_rest) / (JOBS_THAT_RAN * RUNS_A_JOB),
    }


def _hourly(name: JobName) -> Declaration:
    definition = JobDefinition(name, {"kind": "cron", "expression": "0 * * * *", "tz": "UTC"})
    return declared(definition, fire(FIRST))


async def _carry_through(
    store: Store, session: SessionId, names: Sequence[JobName], at: int
) -> None:
    answers = await store.claim(session, [tick(name, at) for name in names])
    claims = [each.claim for each in answers if isinstance(each, Granted)]
    assert len(claims) == len(names), answers
    await store.start(session, [Start(each.run, each.token, start_id()) for each in claims])
    said = [Completion(each.run, each.token, Outcome.SUCCEEDED) for each in claims]
    await store.complete(said)
