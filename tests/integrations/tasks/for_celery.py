# pyright: basic

from __future__ import annotations

from functools import partial

from celery import Celery
from effects import URL, effect

from cronfleet.integrations.celery import hand_off

app = Celery("for_celery", broker=URL)


@app.task(bind=True)
def report(self, **arguments):
    effect(self.request.id, **arguments)


handler = partial(hand_off, report)
