"""What `cronfleet run` runs: somebody's scheduler, with the jobs that they registered on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from cronfleet import ConfigurationError, Scheduler
from cronfleet.apps.alerting.looking import Probe
from cronfleet.config import Settings
from cronfleet.scheduler import default_store
from cronfleet.server.outbox import Outbox
from cronfleet.server.pages.page import Page


class Program:
    """A scheduler, and what is to be done around its work."""

    pages: Sequence[Page] = ()
    outbox: Outbox | None = None
    probes: Sequence[Probe] = ()
    """What it has to tell of itself, where alerts are sent."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    async def prepare(self) -> None:
        """Before the instance joins. Raises CronfleetError when it must not."""

    async def begin(self) -> None:
        """As soon as it has joined."""

    def describe(self) -> list[str]:
        """What it works with, in lines for the start."""
        return []

    async def close(self) -> None:
        """Give connections back."""


def target_program(target: str, settings: Settings, store: str | None) -> Program:
    """The program that `module:scheduler` names, from the current folder or what is installed.

    A scheduler that names no store of its own uses the one that all other commands look at.
    Raises ConfigurationError if there is no such thing; what the module raises goes through.
    """
    os.environ["CRONFLEET_FLEET"] = settings.cronfleet_fleet
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise ConfigurationError(f"{target!r} is no target: write module:scheduler")
    sys.path.insert(0, str(Path.cwd()))
    # Not by its variable: what has a password is not for every process that a handler starts.
    standing = default_store.set(settings.store_url(store))
    try:
        found = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise ConfigurationError(
            f"{target!r}: there is no module {error.name!r} in this folder, nor installed"
        ) from None
    except AttributeError:
        raise ConfigurationError(f"{target!r}: {module} has no {attribute!r}") from None
    finally:
        default_store.reset(standing)
    if not isinstance(found, Scheduler):
        raise ConfigurationError(f"{target!r} is no Scheduler, but a {type(found).__name__}")
    return Program(found)
