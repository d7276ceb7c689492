"""Cronfleet: one-shot jobs, or recurring ones; all options as they come.

What the store was asked is counted on the way: when the last outcome was in it, and how many ticks
were claimed that another instance had claimed before.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import given

from cronfleet import RunContext, Scheduler, at, every
from cronfleet.model import SessionId
from cronfleet.store import (
    ClaimAnswer,
    ClaimItem,
    Completion,
    Granted,
    NotGranted,
    Recorded,
    Store,
)
from cronfleet.stores import open_store


class Counted:
    """Counts what a store answers, in its place."""

    def __init__(self, store: Store) -> None:
        self.found = Counter[str]()
        self.completed_at = 0.0
        self._claim, self._complete = store.claim, store.complete
        place: Any = store
        place.claim, place.complete = self.claim, self.complete

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        answers = await self._claim(session, items)
        self.found["granted"] += sum(isinstance(each, Granted) for each in answers)
        self.found["lost"] += sum(each is NotGranted.LOST for each in answers)
        return answers

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        answers = await self._complete(completions)
        self.found["completed"] += len(answers)
        self.completed_at = time.time()
        return answers

    def tell(self) -> None:
        told = {**self.found, "completed_at": self.completed_at}
        (given.FOLDER / f"told-{os.getpid()}").write_text(json.dumps(told))


async def enter(run: RunContext) -> None:
    given.entered(run.fire_time.timestamp())


def declare(scheduler: Scheduler) -> None:
    if not given.RECURS:
        for number in range(given.TICKS):
            scheduler.add_job(enter, at(given.due_at(number)), f"job-{number}")
    for number in range(given.RECURS):
        schedule = every(timedelta(seconds=1), given.due_at(number))
        scheduler.add_job(enter, schedule, f"job-{number}")


async def work(declare: Callable[[Scheduler], None]) -> None:
    """Until it is told to stop."""
    store = open_store(given.STORE, "load")
    counted = Counted(store)
    scheduler = Scheduler(store, program="load")
    declare(scheduler)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with scheduler:
        given.declared()
        await scheduler.work_until(stop)
    counted.tell()


if __name__ == "__main__":
    asyncio.run(work(declare))
