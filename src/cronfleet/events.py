"""What an instance announces to whoever wants to know."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from cronfleet.errors import ConfigurationError
from cronfleet.model import JobName
from cronfleet.schedule import Schedule


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


# --- the instance


@dataclass(frozen=True, slots=True)
class Joined:
    """The instance has joined the fleet, and looks for what is due from now on."""

    session: str


@dataclass(frozen=True, slots=True)
class Left:
    """The instance has left; of attempts that are under way still, nothing more is told."""


@dataclass(frozen=True, slots=True)
class SessionRenewed:
    """The session was prolonged."""

    took_s: float
    clock_offset_s: float
    """By how much the store's clock is ahead of this machine's; negative if it is behind."""


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The session was closed by others, or its store is another; the instance joins anew."""


@dataclass(frozen=True, slots=True)
class StoreAnswered:
    """A call to the store was answered."""

    operation: str
    took_s: float


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """A call to the store got no answer, or none that is of use; it is made again as need be."""

    operation: str
    error: str


# --- what is due


@dataclass(frozen=True, slots=True)
class Looked:
    """The instance looked for what is due."""

    oldest_due_s: float
    """How long what it could run, and has waited longest, has been due; 0 below five seconds."""
    is_overloaded: bool
    """More is due than is started, and that has lasted. An Alert told it when that began."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim was answered: how many of its ticks and runs came to what."""

    granted: int
    waiting: int
    """Settled: a run that waits until its job is below its limit."""
    skipped: int
    """Settled without a run; a TicksSkipped tells of each."""
    lost: int
    """Others were first. This is normal."""


@dataclass(frozen=True, slots=True)
class TicksSkipped:
    """Ticks of a job are not run; it is this instance that recorded it."""

    job: JobName
    reason: str
    count: int
    """Exact up to 10,000; 10,001 means more."""


@dataclass(frozen=True, slots=True)
class RunTakenBack:
    """A run was taken back from an instance that is dead, by this one."""

    job: JobName
    run: str
    state: str
    """`lost`, or `pending` if another instance is to carry it out."""


# --- attempts


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call of a job's handler."""

    job: JobName
    run: str
    kind: str
    """`tick`, `manual` or `backfill`."""
    fire_time: datetime
    number: int
    """From 1; above that it is a retry, or follows an attempt whose instance was lost."""
    token: int
    schedule: Schedule = field(repr=False)
    timeout_s: float | None
    """How long the job allows it to run."""
    args: Mapping[str, Any] = field(repr=False)
    """The job's own: not to be changed, and perhaps not for everybody's eyes."""
    jitter_s: float = 0
    """How much later than its fire time a tick may be due: less than that."""


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """The attempt is on record as started, and its handler is entered next."""

    attempt: Attempt
    late_s: float | None
    """After it was due; None for a back-fill, and for any attempt but the first."""


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The attempt is over, and its outcome was told to the store."""

    attempt: Attempt
    outcome: str
    duration_s: float
    """Of the handler; 0 if it was not entered."""
    retry_in_s: float | None
    """When the next attempt may begin; None if there is none to come."""
    is_recorded: bool
    """False: it came too late, the run had been taken for lost."""
    error: str
    raised: BaseException | None = field(default=None, repr=False)
    """What the handler raised, if it did and was not cancelled."""


Event: TypeAlias = (
    Alert
    | AttemptEnded
    | AttemptStarted
    | Claimed
    | Joined
    | Left
    | Looked
    | RunTakenBack
    | SessionLost
    | SessionRenewed
    | StoreAnswered
    | StoreFailed
    | TicksSkipped
)

Listener: TypeAlias = Callable[[Event], object]
"""Called with each event in the event loop of the instance, which it must not hold up."""


def alert_by(on_alert: Callable[[Alert], object] | None) -> Callable[[Alert], object]:
    """What a user gave to be called with alerts. Raises ConfigurationError for a coroutine."""
    return plain("on_alert", on_alert) if on_alert else _nobody


def plain(name: str, called: Callable[[Any], object]) -> Callable[[Any], object]:
    """What may be called from here. Raises ConfigurationError for a coroutine function."""
    if inspect.iscoroutinefunction(called):
        raise ConfigurationError(f"{name} must be a plain function: nobody would await its answer")
    return called


def _nobody(_: Alert) -> None:
    """It is in the log."""
