"""Celery with RedBeat: one beat and one worker with as many processes as cores.

Its entries recur each hour, and last ran an hour before they are due. Beat looks at least every
second, instead of every five minutes.
"""

from __future__ import annotations

from datetime import timedelta

import given
from celery import Celery
from celery.schedules import schedule
from redbeat import RedBeatSchedulerEntry

HOUR = timedelta(hours=1)

app = Celery("for_redbeat", broker=given.STORE)
app.conf.update(
    broker_connection_retry_on_startup=True,
    beat_scheduler="redbeat.RedBeatScheduler",
    beat_max_loop_interval=1,
    redbeat_redis_url=given.STORE,
    task_ignore_result=True,
)


@app.task(name="work", ignore_result=True)
def work(due_s: float) -> None:
    given.entered(due_s)


def declare() -> None:
    for number in range(given.TICKS):
        entry = RedBeatSchedulerEntry(
            f"job-{number}", "work", schedule(HOUR), args=[given.due_s(number)], app=app
        )
        entry.last_run_at = given.due_at(number) - HOUR
        entry.save()
    given.declared()


if __name__ == "__main__":
    declare()
