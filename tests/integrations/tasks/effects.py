"""Where the tasks of all queues write down that they were carried out."""

# pyright: basic

from __future__ import annotations

import json
import os

import redis

URL = os.environ["BROKER_URL"]


def effect(task_id: str, **arguments: object) -> None:
    with redis.Redis.from_url(URL) as client:
        client.rpush("effects", json.dumps([task_id, arguments]))
