"""Clients that listen to what changes, beside one that asks at an even pace."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.load.requesting import CONNECTIONS, ask, connected

EVENTS = "/api/v1/events"


def heard_and_asked(port: int, streams: int, path: str, rate: int, seconds: float) -> list[float]:
    """How long each of `rate` requests a second took, in ms, while so many streams are read.

    Raises RuntimeError for an answer that is not 200.
    """
    return asyncio.run(_heard_and_asked(port, streams, path, rate, seconds))


async def _heard_and_asked(
    port: int, streams: int, path: str, rate: int, seconds: float
) -> list[float]:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(streams):
            await stack.enter_async_context(_listening(port))
        pace = rate / CONNECTIONS
        loops = (_asked_evenly(port, path, pace, seconds) for _ in range(CONNECTIONS))
        return [ms for found in await asyncio.gather(*loops) for ms in found]


@asynccontextmanager
async def _listening(port: int) -> AsyncGenerator[None]:
    """One stream, all of which is read."""
    async with connected(port) as (reader, writer):
        request = f"GET {EVENTS} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"{EVENTS}: {head!r}")
        reading = asyncio.create_task(_read_on(reader))
        try:
            yield
        finally:
            reading.cancel()


async def _read_on(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


async def _asked_evenly(port: int, path: str, rate: float, seconds: float) -> list[float]:
    """A request that is late is asked as soon as it can be, and none is left out."""
    spent_ms: list[float] = []
    async with connected(port) as (reader, writer):
        began = time.perf_counter()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0, began + number / rate - time.perf_counter()))
            spent_ms.append(await ask(reader, writer, port, path))
    return spent_ms
