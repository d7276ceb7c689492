"""procrastinate: jobs that are scheduled for their instant.

It runs 100 at once instead of one, deletes what succeeded, and looks four times a second for what
has come due, instead of every five seconds: it is not told of that.
"""

from __future__ import annotations

import asyncio

import given
from procrastinate import App, PsycopgConnector

IN_A_ROW = 50

app = App(connector=PsycopgConnector(conninfo=given.STORE))


@app.task
async def work(due_s: float) -> None:
    given.entered(due_s)


async def declare() -> None:
    async with app.open_async():
        for first in range(0, given.TICKS, IN_A_ROW):
            numbers = range(first, min(first + IN_A_ROW, given.TICKS))
            await asyncio.gather(*(_defer(number) for number in numbers))
    given.declared()


async def _defer(number: int) -> None:
    job = work.configure(schedule_at=given.due_at(number))
    await job.defer_async(due_s=given.due_s(number))


if __name__ == "__main__":
    # The store has tasks by module and name, so this must not be `__main__`.
    import for_procrastinate

    asyncio.run(for_procrastinate.declare())
