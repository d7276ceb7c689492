"""Celery with RedBeat: in each instance one beat and one worker; RedBeat's lock picks the beat.

The lock lives for five times the longest pause of beat, as by default, and both are set so that it
lives for 10 s instead of 25 minutes. `relative` keeps an interval to whole seconds: Celery's own
crontab knows no seconds.
"""

from __future__ import annotations

import time
from typing import Any

import handler
from celery import Celery
from celery.schedules import schedule
from celery.signals import before_task_publish

app = Celery("for_redbeat", broker=handler.STORE)
app.conf.update(
    broker_connection_retry_on_startup=True,
    beat_scheduler="redbeat.RedBeatScheduler",
    beat_max_loop_interval=handler.LEASE_S // 5,
    redbeat_redis_url=handler.STORE,
    redbeat_lock_timeout=handler.LEASE_S,
    beat_schedule={"work": {"task": "work", "schedule": schedule(1, relative=True)}},
)


@before_task_publish.connect
def say_when(headers: dict[str, Any], **_: object) -> None:
    """Its fire time is not told; it is sent within a second from it, if on time."""
    headers["sent_at"] = time.time()


@app.task(name="work", bind=True, ignore_result=True)
def work(self: Any) -> None:
    handler.work(self.request.get("sent_at") // 1)
