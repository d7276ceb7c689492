"""APScheduler 3: a blocking scheduler on the shared job store, as its user guide begins.

An id with `replace_existing` is what the guide demands of jobs that are declared at the start and
kept in a store. The FAQ says that several schedulers cannot share one: here is what happens.
"""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from apscheduler.jobstores.redis import RedisJobStore
from apscheduler.schedulers.blocking import BlockingScheduler
from handler import STORE


def main() -> None:
    address = urlsplit(STORE)
    store = RedisJobStore(host=address.hostname, port=address.port)
    scheduler = BlockingScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.add_job("handler:work", "cron", second="*", id="work", replace_existing=True)
    scheduler.start()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main()
