"""What an instance announces to whoever wants to know."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cronfleet.errors import ConfigurationError
from cronfleet.model import JobName


class AlertKind(StrEnum):
    """What a person had better look at."""

    POISONED = "poisoned"
    """A job is paused, since one of its runs lost its instance three times in a row."""
    NO_INSTANCE = "no_instance"
    """A job is due, and no open instance knows it as it is defined now."""
    OVERLOADED = "overloaded"
    """More is due than is started: the job has waited the longest. Once for a row of bursts."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that goes wrong until a person does something about it."""

    kind: AlertKind
    job: JobName
    said: str
    """What happened and what to do, in words."""


def alert_by(on_alert: Callable[[Alert], object] | None) -> Callable[[Alert], object]:
    """What a user gave to be called with alerts. Raises ConfigurationError for a coroutine."""
    if inspect.iscoroutinefunction(on_alert):
        raise ConfigurationError("on_alert must be a plain function: nobody would await its answer")
    return on_alert or _nobody


def _nobody(_: Alert) -> None:
    """It is in the log."""
