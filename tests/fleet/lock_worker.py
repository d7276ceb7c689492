"""Contends for one lock, in tasks and in threads, and uses what it guards.

Arguments: the store's URL, the resource's path, TTL in ms, tasks, threads, rounds of each. With no
rounds it holds the lock until it has lost it.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from pathlib import Path

from cronfleet import Lock, LockLostError, Scheduler
from tests.fleet.resource import Resource

STEPS = ("enter", "use", "leave")


def say(word: str) -> None:
    os.write(sys.stdout.fileno(), f"{word}\n".encode())


class Contender:
    def __init__(self, lock: Lock, resource: Resource, rounds: int) -> None:
        self._lock = lock
        self._resource = resource
        self._rounds = rounds

    async def as_task(self) -> None:
        done = 0
        while done < self._rounds:
            try:
                async with self._lock as held:
                    for step in STEPS:
                        self._resource.note(step, held.token)
                        await asyncio.sleep(0.001)
            except LockLostError:
                continue
            done += 1

    def as_thread(self) -> None:
        done = 0
        while done < self._rounds:
            try:
                with self._lock as held:
                    for step in STEPS:
                        self._resource.note(step, held.token)
            except LockLostError:
                continue
            done += 1

    async def until_lost(self) -> None:
        try:
            async with self._lock as held:
                self._resource.note("enter", held.token)
                say("held")
                await held.lost.wait()
                say("lost")
                self._resource.note("use", held.token)
        except LockLostError:
            say("raised")


async def main(url: str, path: str, ttl_ms: int, tasks: int, threads: int, rounds: int) -> None:
    scheduler = Scheduler(url, program="tests")
    lock = scheduler.lock("stock", ttl=timedelta(milliseconds=ttl_ms))
    contender = Contender(lock, Resource(Path(path)), rounds)
    if not rounds:
        await contender.until_lost()
    else:
        await asyncio.gather(
            *(contender.as_task() for _ in range(tasks)),
            *(asyncio.to_thread(contender.as_thread) for _ in range(threads)),
        )
    await scheduler.aclose()


if __name__ == "__main__":
    given_url, given_path, *numbers = sys.argv[1:]
    asyncio.run(main(given_url, given_path, *(int(number) for number in numbers)))
