"""Claims tick after tick and writes down each grant once it is answered, until somebody kills it."""

from __future__ import annotations

import asyncio
import secrets
import sys

from cronfleet.model import Fire, JobName, OnLost, SessionId
from cronfleet.store import Declaration, Granted, NewSession, TickClaim
from cronfleet.stores.sqlite import SqliteStore

PROGRAM = "tests"
JOBS = ("first", "second", "third")


async def main(path: str) -> None:
    store = SqliteStore(path)
    await store.open()
    session = SessionId(secrets.token_hex(16))
    await store.join(NewSession(session, PROGRAM, "claimer", 600_000, "2026a"))
    await store.sync_jobs(session, PROGRAM, [declaration(job) for job in JOBS])
    await asyncio.gather(*(claim_for_ever(store, session, job) for job in JOBS))


def declaration(job: JobName) -> Declaration:
    """A job with any number of active runs, due since 1970."""
    return Declaration(job, f"{job:0>32}", "0" * 32, "{}", 0, OnLost.ABANDON, Fire(1, 1))


async def claim_for_ever(store: SqliteStore, session: SessionId, job: JobName) -> None:
    while True:
        record = await store.job(job)
        assert record
        assert record.expected
        tick = tick_at(job, record.expected.fire_time)
        for answer in await store.claim(session, [tick]):
            assert isinstance(answer, Granted)
            sys.stdout.write(f"{answer.claim.run} {answer.claim.token}\n")
            sys.stdout.flush()


def tick_at(job: JobName, fire_time: int) -> TickClaim:
    """The tick at a fire time; the next one follows a millisecond later."""
    return TickClaim(job, 1, fire_time, fire_time, Fire(fire_time + 1, fire_time + 1))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
