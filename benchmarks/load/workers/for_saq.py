"""SAQ: jobs that are scheduled for a second, which is as fine as it goes.

It runs 100 at once instead of 10, which makes it faster here; more does not.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

import given
from saq import Queue

IN_A_ROW = 50


async def work(_context: dict[str, Any], *, due_s: float) -> None:
    given.entered(due_s)


settings = {"queue": Queue.from_url(given.STORE), "functions": [work], "concurrency": 100}


async def declare() -> None:
    queue = Queue.from_url(given.STORE)
    await queue.connect()
    for first in range(0, given.TICKS, IN_A_ROW):
        numbers = range(first, min(first + IN_A_ROW, given.TICKS))
        await asyncio.gather(*(_enqueue(queue, given.due_s(number)) for number in numbers))
    await queue.disconnect()
    given.declared()


async def _enqueue(queue: Queue, due_s: float) -> None:
    await queue.enqueue("work", due_s=due_s, scheduled=math.ceil(due_s))


if __name__ == "__main__":
    asyncio.run(declare())
