# pyright: basic

from __future__ import annotations

from functools import partial

from effects import URL, effect
from taskiq import Context, TaskiqDepends
from taskiq_redis import ListQueueBroker

from cronfleet.integrations.taskiq import hand_off

broker = ListQueueBroker(URL)


@broker.task
async def report(name: str, context: Context = TaskiqDepends()):  # noqa: B008 - taskiq's way
    effect(context.message.task_id, name=name)


handler = partial(hand_off, report)
