"""Many writes in one round trip: sent at once when none is in flight, gathered while one is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from cronfleet.errors import StoreError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MOST_AT_ONCE = 200


class Gathered(Generic[Item, Answer]):
    """One kind of write. Each caller gets its own answer, or the error of its batch."""

    def __init__(self, send: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]]) -> None:
        self._send = send
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._sender: asyncio.Task[None] | None = None

    async def write(self, item: Item) -> Answer:
        """Send the item with whatever else waits. Raises StoreError as the store does."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        return await answer

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:MOST_AT_ONCE]
                del self._waiting[:MOST_AT_ONCE]
                await self._send_batch(batch)
        finally:
            self._sender = None
            for _, waiter in self._waiting:
                waiter.cancel()  # Only after an error that is no store's: nobody would send them.
            self._waiting.clear()

    async def _send_batch(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._send([item for item, _ in batch])
            for (_, waiter), answer in zip(batch, answers, strict=True):
                if not waiter.done():
                    waiter.set_result(answer)
        except StoreError as error:
            for _, waiter in batch:
                if not waiter.done():
                    waiter.set_exception(error)
        finally:
            for _, waiter in batch:
                waiter.cancel()  # Nobody may wait for ever; without effect on those answered.
