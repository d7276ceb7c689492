"""The stores of the campaigns that need no more than a URL, each a server of our own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.postgres_servers import OwnPostgres, find_programs
from tests.servers import OwnServer, find_binary

STORES = ("redis", "valkey", "postgres", "sqlite")


@dataclass(frozen=True, slots=True)
class Given:
    """A store to work on, and which one it is."""

    url: str
    name: str


@contextmanager
def store_of(kind: str, folder: Path) -> Generator[Given]:
    """While it serves. Raises ServerUnavailableError."""
    match kind:
        case "redis" | "valkey":
            server = OwnServer(find_binary(kind), folder)
        case "postgres":
            server = OwnPostgres(find_programs())
        case _:
            yield Given(f"sqlite:///{folder}/cronfleet.db", "sqlite")
            return
    try:
        yield Given(server.url, str(server))
    finally:
        server.stop()
