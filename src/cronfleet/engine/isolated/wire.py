"""What an instance and the process of a run tell each other: JSON, one message a line, bounded.

Nothing is ever unpickled: a handler may write into the channel what it likes.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, cast

from cronfleet.context import RUN_LOGGER, LogAdapter, RunContext

Message: TypeAlias = Mapping[str, Any]
"""What it says stands under `is`."""

MOST_BYTES = 256 * 1024
"""Of a message. Those of a process are far shorter, since each text in them is cut."""

MOST_CHARACTERS = 8_000
"""Of a text."""

MOST_KINDS = 50


@dataclass(frozen=True, slots=True)
class Failure:
    """What a handler raised, as words: the exception itself stays in its process."""

    said: str
    trace: str
    kinds: Sequence[str]
    """The names of its class and of all their bases."""


def encode(message: Message) -> bytes:
    """One line."""
    return json.dumps(message).encode() + b"\n"


class Lines:
    """Messages out of bytes as they come. What is no message is passed over."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._rest = b""
        self._is_too_long = False

    def take(self, data: bytes) -> Iterator[Message]:
        """The messages that are whole by now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            message = None if self._is_too_long else _decoded(line)
            self._is_too_long = False
            if message is not None:
                yield message
        if len(self._rest) > self._most_bytes:
            self._rest, self._is_too_long = b"", True


def heard(channel: socket.socket) -> Iterator[Message]:
    """All messages, until the other side is gone."""
    lines = Lines()
    while data := channel.recv(65_536):
        yield from lines.take(data)


def _decoded(line: bytes) -> Message | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("Message", message) if isinstance(message, dict) else None


def text_of(anything: object) -> str:
    """A text of a message, or what stands there instead of one, cut."""
    text = anything if isinstance(anything, str) else repr(anything)
    return text[:MOST_CHARACTERS].replace("\0", "\N{REPLACEMENT CHARACTER}")


def failure_of(message: Message) -> Failure:
    """The failure that a message tells of."""
    kinds = message.get("kinds")
    names = cast("list[object]", kinds) if isinstance(kinds, list) else []
    return Failure(
        said=text_of(message.get("said", "")),
        trace=text_of(message.get("trace", "")),
        kinds=[text_of(name) for name in names[:MOST_KINDS]],
    )


def to_enter(context: RunContext, deadline: datetime | None) -> Message:
    """What a handler is given, as it crosses over."""
    return {
        "is": "enter",
        "job": context.job,
        "kind": context.kind,
        "fire_time": context.fire_time.isoformat(),
        "args": dict(context.args),
        "attempt": context.attempt,
        "shard": context.shard,
        "shards": context.shards,
        "token": context.token,
        "run_id": context.run_id,
        "deadline": deadline and deadline.isoformat(),
        "about": dict(context.log.extra or {}),
    }


def context_of(message: Message) -> RunContext:
    """What the handler is given there; its events are new ones, to be set by what is heard."""
    deadline: str | None = message["deadline"]
    return RunContext(
        job=message["job"],
        kind=message["kind"],
        fire_time=datetime.fromisoformat(message["fire_time"]),
        args=message["args"],
        attempt=message["attempt"],
        shard=message["shard"],
        shards=message["shards"],
        token=message["token"],
        run_id=message["run_id"],
        deadline=None if deadline is None else datetime.fromisoformat(deadline),
        lost=threading.Event(),
        log=LogAdapter(logging.getLogger(RUN_LOGGER), message["about"]),
        draining=threading.Event(),
    )
