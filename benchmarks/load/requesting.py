"""HTTP clients that ask at an even pace, on a few connections, while others listen to events."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

CONNECTIONS = 4
EVENTS = "/api/v1/events"

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Requests:
    """What a server on this machine is asked for, and how many event streams are read meanwhile."""

    port: int
    path: str
    per_s: int
    streams: int = 0


def asked(requests: Requests, seconds: float) -> list[float]:
    """How long each request took, in ms. Raises RuntimeError for an answer that is not 200."""
    return asyncio.run(_asked(requests, seconds))


async def _asked(requests: Requests, seconds: float) -> list[float]:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(requests.streams):
            await stack.enter_async_context(_listening(requests.port))
        loops = (_ask_evenly(requests, seconds) for _ in range(CONNECTIONS))
        return [ms for found in await asyncio.gather(*loops) for ms in found]


async def _ask_evenly(requests: Requests, seconds: float) -> list[float]:
    """One that is late is asked as soon as it can be, and none after the end."""
    pause_s = CONNECTIONS / requests.per_s
    spent_ms: list[float] = []
    async with _connected(requests.port) as (reader, writer):
        began = time.perf_counter()
        while (due := began + len(spent_ms) * pause_s) < began + seconds:
            await asyncio.sleep(max(0, due - time.perf_counter()))
            asked_at = time.perf_counter()
            if asked_at >= began + seconds:
                break
            writer.write(_request(requests.port, requests.path))
            await _read_answer(reader, requests.path)
            spent_ms.append((time.perf_counter() - asked_at) * 1000)
    return spent_ms


@asynccontextmanager
async def _listening(port: int) -> AsyncGenerator[None]:
    """One stream, all of which is read."""
    async with _connected(port) as (reader, writer):
        writer.write(_request(port, EVENTS))
        await _read_head(reader, EVENTS)
        reading = asyncio.create_task(_read_on(reader))
        try:
            yield
        finally:
            reading.cancel()


async def _read_on(reader: asyncio.StreamReader) -> None:
    while await reader.read(65_536):
        pass


@asynccontextmanager
async def _connected(port: int) -> AsyncGenerator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


def _request(port: int, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()


async def _read_answer(reader: asyncio.StreamReader, path: str) -> None:
    head = await _read_head(reader, path)
    lengths = [line for line in head.splitlines() if line.startswith("content-length:")]
    await reader.readexactly(int(lengths[0].partition(":")[2]))


async def _read_head(reader: asyncio.StreamReader, path: str) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    status, _, rest = head.partition("\r\n")
    if " 200 " not in status:
        raise RuntimeError(f"{path}: {status}")
    return rest
