"""Hints from other instances, by LISTEN on a connection of its own."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from cronfleet.forks import stays_with_the_parent
from cronfleet.stores.hub import Hub
from cronfleet.stores.postgres.address import Address
from cronfleet.stores.postgres.links import OPTIONS

log: logging.Logger = logging.getLogger(__name__)

# Also what looking up the host's name can end with: no file or thread is left, a label too long.
_PASSING = (psycopg.Error, OSError, RuntimeError, ValueError)

_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.5, 30.0


class Listening:
    """Passes what is notified on to the hub; connects again by itself, for as long as it takes."""

    def __init__(self, address: Address, channel: str, hub: Hub) -> None:
        self._address = address
        self._channel = channel
        self._hub = hub
        self._pause_s = _FIRST_PAUSE_S
        self._task: asyncio.Task[None] | None = None
        self.is_in_vain: bool = False
        """It was found that nothing can be heard here, because of a pooler."""
        self.hears: bool = False
        """Whether hints come by themselves just now."""

    def start(self) -> None:
        """Repeatable."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="cronfleet-hints")

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        is_worth_while = True
        while is_worth_while:
            try:
                is_worth_while = await self._listen()
            except _PASSING as error:
                log.debug("no hints from other instances for now: %s", error)
                await asyncio.sleep(self._pause_s * random.uniform(0.5, 1))  # noqa: S311 - no secret
                self._pause_s = min(2 * self._pause_s, _MOST_PAUSE_S)

    async def _listen(self) -> bool:
        """Listen until the connection is lost; answers False if there is no use in it."""
        connection = await psycopg.AsyncConnection[tuple[Any, ...]].connect(
            **self._address.parameters(), **OPTIONS, row_factory=tuple_row
        )
        stays_with_the_parent(connection)
        async with connection:
            if await self._is_pooled(connection):
                log.info(
                    "the store %s is behind a pooler, through which no hints come from other "
                    "instances: this one looks by itself every second",
                    self._address.name,
                )
                self.is_in_vain = True
                return False
            await connection.execute(f'LISTEN "{self._channel}"'.encode())
            self._pause_s = _FIRST_PAUSE_S
            self.hears = True
            self._hub.tell_all()  # What was told while nobody listened is lost.
            try:
                async for told in connection.notifies():
                    self._hub.tell(told.payload)
            finally:
                self.hears = False
        return True

    async def _is_pooled(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> bool:
        """Whether the process that serves us is not the one that took our connection."""
        cursor = await connection.execute("SELECT pg_backend_pid()")
        return await cursor.fetchone() != (connection.info.backend_pid,)
