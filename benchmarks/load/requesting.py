"""An HTTP client that does nothing but ask: requests one after the other, on a few connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypeAlias

CONNECTIONS = 4
Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def asked(port: int, path: str, seconds: float) -> list[float]:
    """How long each request took, in ms. Raises RuntimeError for an answer that is not 200."""
    return asyncio.run(_asked(port, path, seconds))


async def _asked(port: int, path: str, seconds: float) -> list[float]:
    ends = time.perf_counter() + seconds
    loops = (_ask_until(ends, port, path) for _ in range(CONNECTIONS))
    return [ms for found in await asyncio.gather(*loops) for ms in found]


async def _ask_until(ends: float, port: int, path: str) -> list[float]:
    spent_ms: list[float] = []
    async with connected(port) as (reader, writer):
        while time.perf_counter() < ends:
            spent_ms.append(await ask(reader, writer, port, path))
    return spent_ms


@asynccontextmanager
async def connected(port: int) -> AsyncGenerator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, path: str
) -> float:
    """How long the answer took, in ms. Raises RuntimeError for one that is not 200."""
    began = time.perf_counter()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    await _read_answer(reader, path)
    return (time.perf_counter() - began) * 1000


async def _read_answer(reader: asyncio.StreamReader, path: str) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    status, _, rest = head.partition("\r\n")
    if " 200 " not in status:
        raise RuntimeError(f"{path}: {status}")
    lengths = [line for line in rest.splitlines() if line.startswith("content-length:")]
    await reader.readexactly(int(lengths[0].partition(":")[2]))
