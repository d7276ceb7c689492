"""The fleet's part of a check: sessions, and indexes whose members point to nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from cronfleet.model import JobName, JobRecord, ProgramName
from cronfleet.store import Fault
from cronfleet.stores.redis import codec
from cronfleet.stores.redis.bounds import MOST_SEEN
from cronfleet.stores.redis.connections import Reply, Word

Call = Callable[..., Awaitable[Reply]]


class Jobs(Protocol):
    """Who lists the jobs."""

    async def jobs(self, limit: int, after: JobName) -> list[JobRecord]: ...


async def check_fleet(store: Jobs, call: Call, mending: Sequence[Word]) -> list[Fault]:
    """Look at all of it, in bounded steps."""
    faults = [codec.fault(each) for each in await call("check_sessions", *mending)]
    for program in sorted(await _programs(store)):
        for kind in ("due", "resuming", "pending"):
            faults += await _check_index(call, mending, kind, program)
    return faults


async def _check_index(
    call: Call, mending: Sequence[Word], kind: str, program: ProgramName
) -> list[Fault]:
    faults: list[Fault] = []
    skip, looked_at = 0, MOST_SEEN
    while looked_at == MOST_SEEN:
        looked_at, said = await call("check_index", *mending, kind, program, skip, MOST_SEEN)
        found = [codec.fault(each) for each in said]
        skip += looked_at - sum(fault.mended for fault in found)
        faults += found
    return faults


async def _programs(store: Jobs) -> set[ProgramName]:
    programs, after = set[ProgramName](), ""
    while page := await store.jobs(MOST_SEEN, after):
        programs |= {job.program for job in page}
        after = page[-1].name
    return programs
