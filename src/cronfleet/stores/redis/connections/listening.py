"""Hints from other processes: one connection of an open store, while somebody listens."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from typing import Any

from redis.exceptions import ConnectionError as NoConnectionError
from redis.exceptions import NoPermissionError, RedisError

from cronfleet.stores.hub import Hub
from cronfleet.stores.redis.connections.pool import Connections

log: logging.Logger = logging.getLogger(__name__)

PING_S = 15.0
"""A connection on which nothing has come for so long is asked whether it still stands."""

FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 5.0


class Listening:
    """Passes on to the hub what is published, and begins anew by itself when that breaks off."""

    def __init__(self, connections: Connections, base: str, hub: Hub, name: str) -> None:
        self._connections = connections
        self._prefix = f"{base}hints:"
        self._hub = hub
        self._name = name
        self._heard: frozenset[str] = frozenset()
        self._changed = asyncio.Event()
        self._wait_s = FIRST_WAIT_S
        self._is_warned = False
        self._is_over = False
        self._task: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Somebody listens to a topic, perhaps a new one."""
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._keep_listening(), name="cronfleet-listening")

    def hears(self, topic: str) -> bool:
        """Whether hints about the topic come by themselves just now."""
        return topic in self._heard

    async def aclose(self) -> None:
        self._is_over = True  # Before Python 3.12 a send may swallow that it was cancelled.
        self._changed.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep_listening(self) -> None:
        while self._wanted():
            try:
                await self._listen()
            except NoPermissionError as error:
                self._warn(error)
                self._wait_s = LONGEST_WAIT_S
            except (RedisError, OSError) as error:
                log.debug("hints of the store %s broke off: %s", self._name, error)
            finally:
                self._heard = frozenset()
            await asyncio.sleep(self._wait_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
            self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)

    def _wanted(self) -> frozenset[str]:
        return frozenset() if self._is_over else self._hub.topics()

    async def _listen(self) -> None:
        """Until nobody listens any more, or the connection breaks."""
        connection = await self._connections.connect()
        try:
            await self._converse(connection)
        finally:
            await connection.disconnect(nowait=True)

    async def _converse(self, connection: Any) -> None:
        passing_on = asyncio.create_task(self._pass_on(connection), name="cronfleet-hints-heard")
        passing_on.add_done_callback(lambda _: self._changed.set())
        try:
            await self._subscribe(connection, passing_on)
        finally:
            passing_on.cancel()
            await asyncio.wait([passing_on])
        if not passing_on.cancelled():
            passing_on.result()

    async def _subscribe(self, connection: Any, passing_on: asyncio.Task[None]) -> None:
        """Hear what somebody listens to, and nothing else."""
        said: frozenset[str] = frozenset()
        while not passing_on.done() and (wanted := self._wanted()):
            self._changed.clear()
            for command, topics in (("SUBSCRIBE", wanted - said), ("UNSUBSCRIBE", said - wanted)):
                if topics:
                    await connection.send_command(command, *map(self._prefix.__add__, topics))
            said = wanted
            await connection.send_command("PING")
            timer = asyncio.get_running_loop().call_later(PING_S, self._changed.set)
            await self._changed.wait()
            timer.cancel()

    async def _pass_on(self, connection: Any) -> None:
        while True:
            match await connection.read_response(timeout=2 * PING_S):
                case None:
                    raise NoConnectionError("nothing came, not even an answer to PING")
                case ["message", channel, _]:
                    self._hub.tell(channel.removeprefix(self._prefix))
                case ["subscribe", channel, _]:
                    self._subscribed(channel.removeprefix(self._prefix))
                case ["unsubscribe", channel, _]:
                    self._heard -= {channel.removeprefix(self._prefix)}
                case _:
                    pass  # The answer to PING.

    def _subscribed(self, topic: str) -> None:
        self._heard |= {topic}
        self._wait_s = FIRST_WAIT_S
        self._hub.tell(topic)  # Those of the time before were missed.

    def _warn(self, error: NoPermissionError) -> None:
        if not self._is_warned:
            self._is_warned = True
            log.warning(
                "the store %s does not let us hear hints, so some things are seen a second later: "
                "%s. Give its user &cronfleet:*",
                self._name,
                error,
            )
