"""What may be changed of a job: any part of its definition, in the form in which it is shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field, JsonValue

from cronfleet import History, Retry, Schedule
from cronfleet.registry import JobOptions
from cronfleet.schedule import schedule_from_definition
from cronfleet.server.routes.api.ordering import Ordered

_LONGEST_MS = 36_500 * 86_400_000

Count: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Span: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=_LONGEST_MS)]
"""In milliseconds."""
Instant: TypeAlias = Annotated[int, Field(strict=True, ge=0, lt=10_000_000_000_000)]
"""Milliseconds since 1970 UTC."""


class CronChange(BaseModel, extra="forbid"):
    """Fire times by a cron expression."""

    kind: Literal["cron"]
    expression: Annotated[str, Field(max_length=256)]
    tz: Annotated[str, Field(max_length=64)] = "UTC"
    job: Annotated[str, Field(max_length=128)] | None = None
    """Whose name each H follows from, if it is another one's."""


class EveryChange(BaseModel, extra="forbid"):
    """The anchor, and all times whole intervals before and after it."""

    kind: Literal["every"]
    interval_ms: Span
    anchor_ms: Instant = 0


class AtChange(BaseModel, extra="forbid"):
    """One fire time."""

    kind: Literal["at"]
    fire_time_ms: Instant


class RetryChange(BaseModel, extra="forbid"):
    """When to try again after a failure or a time-out."""

    attempts: Annotated[int, Field(strict=True, ge=2, le=1_000)] = 3
    first_ms: Span = 10_000
    factor: Annotated[float, Field(ge=1, le=1_000)] = 2
    most_ms: Span = 600_000
    jitter: Annotated[float, Field(ge=0, lt=1)] = 0.1


class HistoryChange(BaseModel, extra="forbid"):
    """How many ended runs are kept, and for how long; whichever is passed first."""

    successes: Count = 100
    failures: Count = 500
    age_ms: Span = 30 * 86_400_000


class JobChange(Ordered):
    """What is given is changed, the rest stays."""

    schedule: Annotated[CronChange | EveryChange | AtChange | None, Field(discriminator="kind")] = (
        None
    )
    args: dict[str, JsonValue] | None = None
    on_lost: Literal["abandon", "rerun"] | None = None
    overlap: Literal["skip", "wait", "wait_all", "replace", "allow"] | None = None
    max_active: Count | None = None
    misfire: Literal["latest", "all", "skip"] | None = None
    misfire_grace_ms: Span | None = None
    max_catch_up: Count | None = None
    retry: RetryChange | None = None
    """null for none."""
    timeout_ms: Span | None = None
    """null for none."""
    jitter_ms: Span | None = None
    """null for none."""
    history: HistoryChange | None = None
    shards: Count | None = None

    @property
    def new_schedule(self) -> Schedule | None:
        """Raises InvalidScheduleError."""
        return self.schedule and schedule_from_definition(
            self.schedule.model_dump(exclude_none=True)
        )

    @property
    def options(self) -> JobOptions:
        """What else is given, as `update_job` takes it."""
        given = self.model_fields_set - {"why", "schedule"}
        return JobOptions(**{_OPTIONS.get(name, name): self._option(name) for name in given})

    def _option(self, name: str) -> Any:
        match value := getattr(self, name):
            case RetryChange():
                first, most = _span(value.first_ms), _span(value.most_ms)
                return Retry(value.attempts, first, value.factor, most, value.jitter)
            case HistoryChange():
                return History(value.successes, value.failures, _span(value.age_ms))
            case int() if name in _OPTIONS:
                return _span(value)
            case _:
                return value


_OPTIONS = {"misfire_grace_ms": "misfire_grace", "timeout_ms": "timeout", "jitter_ms": "jitter"}


def _span(ms: int) -> timedelta:
    return timedelta(milliseconds=ms)
