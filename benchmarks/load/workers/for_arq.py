"""arq: jobs that are deferred until their instant.

It runs 1,000 at once instead of 10, and keeps no results.
"""

from __future__ import annotations

import asyncio
from typing import Any

import given
from arq import create_pool, func
from arq.connections import RedisSettings

IN_A_ROW = 50


async def work(_context: dict[str, Any], due_s: float) -> None:
    given.entered(due_s)


class WorkerSettings:
    """What `arq for_arq.WorkerSettings` runs."""

    redis_settings = RedisSettings.from_dsn(given.STORE)
    functions = (func(work, keep_result=0),)
    max_jobs = 1_000


async def declare() -> None:
    pool = await create_pool(RedisSettings.from_dsn(given.STORE))
    for first in range(0, given.TICKS, IN_A_ROW):
        numbers = range(first, min(first + IN_A_ROW, given.TICKS))
        await asyncio.gather(
            *(
                pool.enqueue_job("work", given.due_s(number), _defer_until=given.due_at(number))
                for number in numbers
            )
        )
    given.declared()


if __name__ == "__main__":
    asyncio.run(declare())
