"""rq-scheduler: in each instance one scheduler, which declares the job, and one worker of RQ's.

The job has a fixed id, so that each declaration replaces the one before. The scheduler looks every
second instead of every minute; its lock lives for that and 10 s more.
"""

from __future__ import annotations

import handler
from redis import Redis
from rq import get_current_job
from rq_scheduler import Scheduler
from rq_scheduler.utils import setup_loghandlers


def work() -> None:
    """Its fire time is not told; it was handed over within a second from it, if on time."""
    handler.work(get_current_job().enqueued_at.timestamp() // 1)


def main() -> None:
    setup_loghandlers()
    scheduler = Scheduler(connection=Redis.from_url(handler.STORE), interval=1)
    scheduler.cron("* * * * * * *", "for_rq_scheduler.work", id="work", timeout=handler.LEASE_S)
    scheduler.run()


if __name__ == "__main__":
    main()
