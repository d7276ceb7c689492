"""APScheduler 4 (alpha): equal schedulers on one PostgreSQL, as its user guide sets them up.

For several schedulers the guide asks for a shared data store and an event broker, here both on
asyncpg, and for a fixed id of the schedule. The lease is 10 s instead of 30, and as often it cleans
up, which by default is every 15 minutes: no dead scheduler's job is given up before that.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from apscheduler import AsyncScheduler, ConflictPolicy, current_job
from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore
from apscheduler.eventbrokers.asyncpg import AsyncpgEventBroker
from apscheduler.triggers.cron import CronTrigger
from handler import LEASE_S, STORE, work_in_loop
from sqlalchemy.ext.asyncio import create_async_engine


async def work() -> None:
    fire_time = current_job.get().scheduled_fire_time
    await work_in_loop(fire_time.timestamp())


async def main() -> None:
    engine = create_async_engine(STORE.replace("postgresql://", "postgresql+asyncpg://"))
    scheduler = AsyncScheduler(
        SQLAlchemyDataStore(engine),
        AsyncpgEventBroker.from_async_sqla_engine(engine),
        lease_duration=LEASE_S,
        cleanup_interval=LEASE_S,
    )
    async with scheduler:
        await scheduler.add_schedule(
            work,
            # Its fire times keep the fraction of a second that it starts with.
            CronTrigger(second="*", start_time=datetime.now(UTC).replace(microsecond=0)),
            id="work",
            conflict_policy=ConflictPolicy.do_nothing,
        )
        await scheduler.run_until_stopped()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    # The store has jobs' functions by module and name, so this must not be `__main__`.
    import for_apscheduler4

    asyncio.run(for_apscheduler4.main())
