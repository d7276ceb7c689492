"""What a campaign works on: a store, as a server of our own, and a fleet of its own on it."""

from __future__ import annotations

import os
import secrets
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


@contextmanager
def fleet_of_its_own() -> Generator[None]:
    """While it lasts, all that is started belongs to a fleet that nobody else has."""
    before = os.environ.get("CRONFLEET_FLEET")
    os.environ["CRONFLEET_FLEET"] = f"chaos-{secrets.token_hex(4)}"
    try:
        yield
    finally:
        if before is None:
            del os.environ["CRONFLEET_FLEET"]
        else:
            os.environ["CRONFLEET_FLEET"] = before


def made(folder: Path) -> Path:
    """The folder, made with its parents if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
