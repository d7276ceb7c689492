# pyright: basic

from __future__ import annotations

from functools import partial

import redis
from effects import URL, effect
from rq import Queue, get_current_job

from cronfleet.integrations.rq import hand_off


def report(**arguments):
    job = get_current_job()
    assert job is not None
    effect(job.id, **arguments)


handler = partial(hand_off, Queue(connection=redis.Redis.from_url(URL)), "for_rq.report")
