# pyright: basic

from __future__ import annotations

from functools import partial

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import CurrentMessage
from effects import URL, effect

from cronfleet.integrations.dramatiq import hand_off

broker = RedisBroker(url=URL)
broker.add_middleware(CurrentMessage())
dramatiq.set_broker(broker)


@dramatiq.actor
def report(**arguments):
    message = CurrentMessage.get_current_message()
    assert message is not None
    effect(message.message_id, **arguments)


handler = partial(hand_off, report)
