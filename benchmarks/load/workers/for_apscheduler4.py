"""APScheduler 4 (alpha): schedules in PostgreSQL, of one date each, or every second.

A task may run as often at once as the scheduler has room for: 1,000 instead of 100.
"""

from __future__ import annotations

import asyncio

import given
from apscheduler import AsyncScheduler, current_job
from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
from apscheduler.eventbrokers.asyncpg import AsyncpgEventBroker
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.ext.asyncio import create_async_engine

SEATS = 1_000


async def work() -> None:
    given.entered(current_job.get().scheduled_fire_time.timestamp())


def triggers() -> list[DateTrigger | IntervalTrigger]:
    if given.RECURS:
        starts = [given.due_at(number) for number in range(given.RECURS)]
        return [IntervalTrigger(seconds=1, start_time=start) for start in starts]
    return [DateTrigger(given.due_at(number)) for number in range(given.TICKS)]


async def main() -> None:
    engine = create_async_engine(given.STORE.replace("postgresql://", "postgresql+asyncpg://"))
    scheduler = AsyncScheduler(
        SQLAlchemyDataStore(engine),
        AsyncpgEventBroker.from_async_sqla_engine(engine),
        max_concurrent_jobs=SEATS,
    )
    async with scheduler:
        await scheduler.configure_task("work", func=work, max_running_jobs=SEATS)
        for number, trigger in enumerate(triggers()):
            await scheduler.add_schedule("work", trigger, id=f"job-{number}")
        given.declared()
        await scheduler.run_until_stopped()


if __name__ == "__main__":
    # The store has jobs' functions by module and name, so this must not be `__main__`.
    import for_apscheduler4

    asyncio.run(for_apscheduler4.main())
