"""arq: `cron_jobs` of the worker settings, unique as by default.

`job_timeout` is 10 s instead of 300: the key that says that a job is under way lives for that and
10 s more. By its docs the default microsecond, 123,456, spreads the load; it stays.
"""

from __future__ import annotations

from typing import Any

from arq import cron
from arq.connections import RedisSettings
from handler import LEASE_S, STORE, work_in_loop


async def work(context: dict[str, Any]) -> None:
    _, _, at_ms = context["job_id"].rpartition(":")
    await work_in_loop(int(at_ms) // 1000)


class WorkerSettings:
    """What `arq for_arq.WorkerSettings` runs."""

    redis_settings = RedisSettings.from_dsn(STORE)
    cron_jobs = (cron(work, second=set(range(60))),)
    job_timeout = LEASE_S
