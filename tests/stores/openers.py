"""Stores on a server, opened for one test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from cronfleet.clock import ManualClock
from cronfleet.stores.redis import RedisStore


class Opener:
    """Opens stores, and closes them all in the end."""

    def __init__(self) -> None:
        self._stores: list[RedisStore] = []

    async def __call__(
        self,
        url: str,
        fleet: str | None = None,
        call_timeout: float = 2.5,
        clock: ManualClock | None = None,
    ) -> RedisStore:
        fleet = fleet or secrets.token_hex(4)
        store = RedisStore(url, fleet=fleet, call_timeout=call_timeout, clock=clock)
        self._stores.append(store)
        await store.open()
        return store

    async def aclose(self) -> None:
        for store in self._stores:
            await store.aclose()


async def until(condition: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait for what a server will say."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - a server tells nobody when it has changed
            await asyncio.sleep(0.02)
