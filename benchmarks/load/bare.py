"""The ceiling: ticks are claimed, started and completed in a store by a loop that does nothing else.

What is claimed is known, nothing is peeked at, no handler is called.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable

from benchmarks.load.joining import join
from cronfleet.model import JobName, Outcome, SessionId, StartId
from cronfleet.store import Completion, Granted, Start, Store
from cronfleet.testing.samples import PROGRAM, report, tick

BATCH = 200
AT_ONCE = 2
"""Loops, so that the store need not wait while one of them reads an answer."""


def bare_rate(store: Store, ticks: int, begins: Callable[[], object] = lambda: None) -> float:
    """Ticks a second, in a store that is not open yet; `begins` is called when all are in it."""
    return asyncio.run(_carried(store, ticks, begins))


async def _carried(store: Store, ticks: int, begins: Callable[[], object]) -> float:
    await store.open()
    session = await join(store, PROGRAM)
    names = [JobName(f"bare-{number}") for number in range(ticks)]
    await store.sync_jobs(session, PROGRAM, [report(name, first=1) for name in names])
    batches = [names[first : first + BATCH] for first in range(0, ticks, BATCH)]
    begins()
    began = time.perf_counter()
    await asyncio.gather(*(_loop(store, session, batches) for _ in range(AT_ONCE)))
    spent_s = time.perf_counter() - began
    await store.aclose()
    return ticks / spent_s


async def _loop(store: Store, session: SessionId, batches: list[list[JobName]]) -> None:
    while batches:
        await _carry_through(store, session, batches.pop())


async def _carry_through(store: Store, session: SessionId, names: list[JobName]) -> None:
    answers = await store.claim(session, [tick(name, 1) for name in names])
    claims = [answer.claim for answer in answers if isinstance(answer, Granted)]
    assert len(claims) == len(names), answers
    starts = [Start(each.run, each.token, StartId(secrets.token_hex(16))) for each in claims]
    assert all(await store.start(session, starts))
    said = [Completion(each.run, each.token, Outcome.SUCCEEDED) for each in claims]
    await store.complete(said)
