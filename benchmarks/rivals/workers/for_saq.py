"""SAQ: `cron_jobs` of the settings, unique as by default, on Redis.

The timeout of 10 s is its default. The sweep, which finds what died, comes every 10 s instead of 60.
"""

from __future__ import annotations

from typing import Any

from handler import LEASE_S, STORE, work_in_loop
from saq import CronJob, Queue


async def work(context: dict[str, Any]) -> None:
    await work_in_loop(context["job"].scheduled)


settings = {
    "queue": Queue.from_url(STORE),
    "functions": [],
    "cron_jobs": [CronJob(work, cron="* * * * * *", timeout=LEASE_S)],
    "timers": {"sweep": LEASE_S},
}
