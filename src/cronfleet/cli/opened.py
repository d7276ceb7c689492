"""The store that a command looks at or gives orders to."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

from cronfleet import ConfigurationError, Scheduler, StoreUnavailableError
from cronfleet.cli.logs import log_as_set, log_to_stderr

_SQLITE = "sqlite:///"


def is_server(place: str) -> bool:
    """Whether it is the address of a server, and of no store."""
    return place.startswith(("http://", "https://"))


def refuse_server(place: str | None) -> None:
    """Of a command that a server cannot answer. Raises ConfigurationError."""
    if place and is_server(place):
        raise ConfigurationError(
            "this command needs the store itself: leave out --url, and name the store with --store"
        )


@contextlib.asynccontextmanager
async def opened(store: str | None) -> AsyncGenerator[Scheduler]:
    """A scheduler that does not work. Raises ConfigurationError, StoreError."""
    from cronfleet.config import load_settings

    refuse_server(store)
    log_to_stderr(logging.WARNING)
    settings = load_settings()
    log_as_set(settings)
    url = settings.store_url(store)
    if missing := missing_file(url):
        raise ConfigurationError(missing)
    scheduler = Scheduler(url, fleet=settings.cronfleet_fleet, patience=timedelta())
    try:
        yield scheduler
    except StoreUnavailableError as error:
        if (await scheduler.health()).store_id:
            raise
        raise never_reached(error) from error
    finally:
        await scheduler.aclose()


def never_reached(error: StoreUnavailableError) -> ConfigurationError:
    """At the start, a store that is away is one that a person must start, or name another."""
    return ConfigurationError(
        f"{error}. Is it running, and reachable from here? Start it, or name another one with "
        "--store, REDIS_URL, REDIS_HOST or CRONFLEET_STORE"
    )


def missing_file(url: str) -> str:
    """What to say when the store's file is not there; empty when it is, or need not be.

    Whoever only looks makes no file: in the wrong folder it would say that there are no jobs.
    """
    if not url.startswith(_SQLITE):
        return ""
    path = Path(url.removeprefix(_SQLITE))
    try:
        is_there = path.exists()
    except OSError as error:
        return (
            f"the store {path} cannot be looked for: {error.strerror}; try as the user who made it"
        )
    if is_there:
        return ""
    return (
        f"there is no store {path}: start `cronfleet run` in this folder, or name another "
        "store, as in cronfleet --store redis://host:6379/0"
    )
