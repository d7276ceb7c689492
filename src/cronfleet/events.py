"""What an instance announces to whoever wants to know."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cronfleet.model import JobName


class AlertKind(StrEnum):
    """What a person had better look at."""

    POISONED = "poisoned"
    """A job is paused, since one of its runs lost its instance three times in a row."""
    NO_INSTANCE = "no_instance"
    """A job is due, and no open instance knows it as it is defined now."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that goes wrong until a person does something about it."""

    kind: AlertKind
    job: JobName
    said: str
    """What happened and what to do, in words."""
