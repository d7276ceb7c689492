"""The scheduler of a Django project: its settings, and the jobs of its apps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar, Unpack

from django.conf import settings  # pyright: ignore[reportMissingTypeStubs]
from django.core.exceptions import ImproperlyConfigured  # pyright: ignore[reportMissingTypeStubs]
from django.utils.module_loading import (  # pyright: ignore[reportMissingTypeStubs]
    autodiscover_modules,  # pyright: ignore[reportUnknownVariableType]
)

from cronfleet import Schedule, Scheduler
from cronfleet.integrations.django.connections import Handler, closing_its_connections
from cronfleet.registry import JobOptions

AnyHandler = TypeVar("AnyHandler", bound=Handler)

_SETTINGS: Mapping[str, type] = {
    "STORE": str,
    "FLEET": str,
    "PROGRAM": str,
    "SESSION_TTL": timedelta,
    "DRAIN_TIMEOUT": timedelta,
    "PATIENCE": timedelta,
    "ON_STORE_RESET": str,
}


class _Project:
    """One scheduler for the process, made when it is first needed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # A cron.py may ask for it while it is imported.
        self._scheduler: Scheduler | None = None
        self._has_looked = False

    @property
    def scheduler(self) -> Scheduler:
        with self._lock:
            if self._scheduler is None:
                self._scheduler = Scheduler(**_options())
            return self._scheduler

    def discover(self) -> None:
        """Import the `cron.py` of each app that has one. Once."""
        with self._lock:
            if not self._has_looked:
                self._has_looked = True
                autodiscover_modules("cron")


_project = _Project()


def get_scheduler() -> Scheduler:
    """The project's scheduler, with the jobs of every app's `cron.py`.

    For views: `scheduler.call(scheduler.trigger("name"))`. Raises ImproperlyConfigured for a
    setting that cannot be, and what a `cron.py` raises.
    """
    scheduler = _project.scheduler
    _project.discover()
    return scheduler


def job(
    schedule: Schedule, name: str | None = None, **options: Unpack[JobOptions]
) -> Callable[[AnyHandler], AnyHandler]:
    """As `Scheduler.job`, on the project's scheduler: for the `cron.py` of an app.

    The handler may use the ORM, in a plain `def` or with its coroutines; the connections that a
    run has opened are closed when it ends.
    """

    def register(handler: AnyHandler) -> AnyHandler:
        _project.scheduler.add_job(closing_its_connections(handler), schedule, name, **options)
        return handler

    return register


def _options() -> dict[str, Any]:
    """What `Scheduler` takes, from the setting CRONFLEET."""
    given: Mapping[str, object] = getattr(settings, "CRONFLEET", {})
    for name, value in given.items():
        if name not in _SETTINGS:
            known = ", ".join(_SETTINGS)
            raise ImproperlyConfigured(f"CRONFLEET has {name!r}; it knows {known}")
        if not isinstance(value, _SETTINGS[name]):
            wanted = _SETTINGS[name].__name__
            raise ImproperlyConfigured(f"CRONFLEET[{name!r}] is {value!r}: write a {wanted}")
    options = {name.lower(): value for name, value in given.items()}
    return {"program": _program(), **options}


def _program() -> str:
    """The package that has the settings: the same in all of the project's processes."""
    module: str = getattr(settings, "SETTINGS_MODULE", None) or "django"
    return module.partition(".")[0]
