"""Whoever listens to the events of a server that really serves."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from cronfleet import Scheduler
from cronfleet.server.access.access import Access
from cronfleet.server.app import create_app
from cronfleet.server.outbox import Outbox
from cronfleet.server.serving import Serving, bind
from cronfleet.server.watching.looking import watcher_of


@dataclass(frozen=True)
class Event:
    """An event as a browser has it."""

    id: str
    name: str
    data: Any


class Listening:
    """An open stream."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def next(self) -> Event:
        """The next event. Raises StopAsyncIteration at the end of the stream."""
        fields: dict[str, str] = {}
        while True:
            line = await anext(self._lines)
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "data" in fields:
                return Event(fields["id"], fields["event"], json.loads(fields["data"]))
            elif "id" in fields:
                return Event(fields["id"], "", None)
            else:
                fields = {}


@asynccontextmanager
async def served(
    scheduler: Scheduler, access: Access | None = None, outbox: Outbox | None = None
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of a server on a port, before an instance at work."""
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    watcher = watcher_of(scheduler)
    app = create_app(
        scheduler,
        outbox=outbox,
        host="127.0.0.1",
        port=port,
        access=access or Access(),
        watcher=watcher,
    )
    url = f"http://127.0.0.1:{port}/api/v1"
    serving = Serving(app, listener, before_end=watcher.end)
    async with httpx.AsyncClient(base_url=url, timeout=20) as client, scheduler, serving:
        yield client


@asynccontextmanager
async def listening(client: httpx.AsyncClient) -> AsyncGenerator[Listening]:
    """A stream of events; what changes from now on is told."""
    async with client.stream("GET", "/events") as answer:
        stream = Listening(answer)
        assert (await stream.next()).name == ""
        yield stream
