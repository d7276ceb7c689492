"""Stores of a benchmark's own: empty at first, gone when it is over."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from tests.postgres_servers import OwnPostgres, find_programs
from tests.results import ROOT
from tests.servers import OwnServer, find_binary

IN_MEMORY = ("--appendonly", "no")
"""What holds a million jobs need not write them to a disk."""


@contextmanager
def own_redis(*options: str) -> Generator[OwnServer]:
    """It writes all to its append-only file, and leaves it to the kernel when to flush that.

    Raises ServerUnavailableError.
    """
    with tempfile.TemporaryDirectory() as folder:
        server = OwnServer(find_binary("redis"), Path(folder), *options)
        try:
            yield server
        finally:
            server.stop()


def commands_of(server: OwnServer, timeout_s: float | None = None) -> Any:
    """A client to ask the server itself; redis-py leaves its **kwargs untyped."""
    client: Any = Redis(host=server.host, port=server.port, socket_timeout=timeout_s)
    return client


@contextmanager
def own_postgres() -> Generator[OwnPostgres]:
    """With full durability, as a server has it where it is used. Raises ServerUnavailableError."""
    server = OwnPostgres(find_programs(), fsync="on", full_page_writes="on", shared_buffers="128MB")
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def disk_folder() -> Generator[Path]:
    """A folder beside the code: on a disk, where temporary ones may be in memory."""
    place = ROOT / "var" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def redis_server() -> str:
    """Which one it is."""
    with own_redis() as server:
        return str(server)


def postgres_server() -> str:
    """Which one it is."""
    with own_postgres() as server:
        return str(server)
