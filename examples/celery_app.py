"""Celery does the work, cronfleet says when: one task a tick, with the run's id as its own.

celery --workdir examples -A celery_app worker
python examples/celery_app.py    # as many of these as you like
"""

import os
from datetime import timedelta

from celery import Celery

from cronfleet import Scheduler, every
from cronfleet.integrations.celery import hand_off

app = Celery("celery_app", broker=os.environ.get("BROKER_URL", "redis://localhost:6379/0"))
scheduler = Scheduler()  # cronfleet.db in this folder; CRONFLEET_STORE=redis://... for a fleet


@app.task(bind=True)
def greet(self, name):
    print(f"hello {name}, from task {self.request.id}", flush=True)


scheduler.add_job(hand_off(greet), every(timedelta(seconds=1)), "greet", args={"name": "Anna"})

if __name__ == "__main__":
    scheduler.run()
