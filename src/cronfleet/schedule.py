"""Schedules: the rules that yield a job's fire times. Pure: no clock, no store.

Every fire time lies in the years 1970 to 2199. Names that end in `_ms` are integer milliseconds
since 1970 UTC; datetimes must be aware, in any zone, and those that come back are in UTC.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import islice
from typing import NamedTuple, TypeAlias

from cronfleet.cron.describe import describe
from cronfleet.cron.hashed import bound, is_hashed
from cronfleet.cron.parser import parse, tidy
from cronfleet.cron.search import ClockMark, FireTimes, fire_times
from cronfleet.cron.zones import zone
from cronfleet.errors import InvalidScheduleError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Definition: TypeAlias = dict[str, str | int]
"""A schedule as values for JSON, which `schedule_from_definition` reads."""

_MS = timedelta(milliseconds=1)
_LEAST_INTERVAL_MS = 1000
_UNITS_MS = (
    ("day", 86_400_000),
    ("hour", 3_600_000),
    ("minute", 60_000),
    ("second", 1000),
    ("millisecond", 1),
)
_END_MS = (datetime(2200, 1, 1, tzinfo=UTC) - EPOCH) // _MS


_NAMELESS = (
    "each H is a number that follows from a job's name: say whose, with `for_job(name)`"
    " or `cronfleet next --job NAME`"
)


class Upcoming(NamedTuple):
    """A fire time, the same in the schedule's own zone, and what a clock change did to it."""

    fire_time: datetime
    local: datetime
    mark: ClockMark | None


class Schedule(ABC):
    """What every schedule can do. Schedules are values: equal when they mean the same text.

    `cron`, `every` and `at` make them.
    """

    __slots__ = ()

    @abstractmethod
    def next_after(self, start_ms: int) -> int | None:
        """The first fire time later than `start_ms`, in milliseconds; None at the end."""

    @abstractmethod
    def previous_before(self, start_ms: int) -> int | None:
        """The last fire time earlier than `start_ms`, in milliseconds; None at the beginning."""

    @abstractmethod
    def describe(self) -> str:
        """The schedule in plain English."""

    @abstractmethod
    def to_definition(self) -> Definition:
        """What `schedule_from_definition` makes this schedule of again."""

    @property
    def needs_tzdata(self) -> bool:
        """Whether another release of the time-zone data may give other fire times."""
        return False

    def after(self, start: datetime) -> Iterator[datetime]:
        """The fire times later than `start`, ascending, each found when it is asked for.

        Raises `InvalidScheduleError` for a start without a time zone.
        """
        return _walk(self.next_after, (_aware("start", start) - EPOCH) // _MS)

    def before(self, start: datetime) -> Iterator[datetime]:
        """The fire times earlier than `start`, descending; otherwise as `after`."""
        return _walk(self.previous_before, _ms_rounded_up("start", start))

    def between(self, after_ms: int, until_ms: int, limit: int) -> list[int]:
        """The fire times later than `after_ms`, `until_ms` the last possible: the first `limit`."""
        found: list[int] = []
        fire_ms = self.next_after(after_ms)
        while fire_ms is not None and fire_ms <= until_ms and len(found) < limit:
            found.append(fire_ms)
            fire_ms = self.next_after(fire_ms)
        return found

    def upcoming(self, n: int, *, after: datetime) -> list[Upcoming]:
        """The first `n` fire times later than `after`, with what clock changes do to them.

        Fewer where the schedule ends. Raises `InvalidScheduleError` as `after` does.
        """
        return [self._seen_locally(fire_time) for fire_time in islice(self.after(after), n)]

    def for_job(self, job: str) -> Schedule:
        """The schedule as a job of that name has it: the same, unless it is hashed.

        Each H of a cron expression becomes a number that follows from the name. A schedule that
        has a name already keeps it.
        """
        return self

    def _seen_locally(self, fire_time: datetime) -> Upcoming:
        return Upcoming(fire_time, fire_time, None)


def cron(expression: str, tz: str = "UTC") -> Schedule:
    """The times that a cron expression names on the clocks of an IANA time zone.

    One with an H has fire times only for a job: the one that it is registered with, or that
    `for_job` names. Raises `InvalidScheduleError` for an expression that cannot be read or can
    never fire, and for an unknown zone.
    """
    text = tidy(expression)
    return HashedSchedule(text, tz) if is_hashed(text) else CronSchedule(text, tz)


def every(interval: timedelta, anchor: datetime = EPOCH) -> Schedule:
    """The anchor and all times whole intervals before and after it, whatever clocks show.

    Raises `InvalidScheduleError` for an interval under a second or not in whole milliseconds, and
    for an anchor without a time zone.
    """
    if interval % _MS:
        raise InvalidScheduleError("interval", str(interval), "must be in whole milliseconds")
    return EverySchedule(interval // _MS, _ms_rounded_up("anchor", anchor))


def at(moment: datetime) -> Schedule:
    """One fire time, `moment`, to the millisecond and never early.

    Raises `InvalidScheduleError` for one without a time zone or not in the years 1970 to 2199.
    """
    return AtSchedule(_ms_rounded_up("moment", moment))


def schedule_from_definition(definition: Mapping[str, object]) -> Schedule:
    """The schedule that `to_definition` made this of.

    Raises `InvalidScheduleError` for anything else: a definition may come from a newer version.
    """
    match definition:
        case {"kind": "cron", "expression": str(expression), "tz": str(tz), **rest} if not rest:
            return cron(expression, tz)
        case {
            "kind": "cron",
            "expression": str(expression),
            "tz": str(tz),
            "job": str(job),
            **rest,
        } if not rest:
            return cron(expression, tz).for_job(job)
        case {"kind": "every", "interval_ms": int(interval), "anchor_ms": int(anchor), **rest} if (
            not rest
        ):
            return EverySchedule(interval, anchor)
        case {"kind": "at", "fire_time_ms": int(fire_time), **rest} if not rest:
            return AtSchedule(fire_time)
        case _:
            hint = "not a schedule that this version knows"
            raise InvalidScheduleError("definition", str(definition)[:200], hint)


def jitter_delay_ms(job: str, fire_time_ms: int, jitter_ms: int) -> int:
    """How long after its fire time a tick is due: 0 or more, less than a jitter above 0.

    The same on every instance; over fire times and jobs it spreads evenly.
    """
    if jitter_ms <= 0:
        return 0
    digest = blake2b(f"{job} {fire_time_ms}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % jitter_ms


def due_ms(job: str, fire_time_ms: int, following_ms: int | None, jitter_ms: int) -> int:
    """When a tick is due, which is before the following fire time however large the jitter."""
    if following_ms is not None:
        jitter_ms = min(jitter_ms, following_ms - fire_time_ms)
    return fire_time_ms + jitter_delay_ms(job, fire_time_ms, jitter_ms)


def due_of(schedule: Schedule, job: str, fire_time: datetime, jitter: timedelta) -> datetime:
    """When the tick of a fire time is due, as every instance finds it."""
    fire_ms = (fire_time - EPOCH) // _MS
    due = due_ms(job, fire_ms, schedule.next_after(fire_ms), jitter // _MS)
    return EPOCH + timedelta(milliseconds=due)


@dataclass(frozen=True, slots=True)
class CronSchedule(Schedule):
    """See `cron`. A hashed expression has the name of its `job`, any other none."""

    expression: str
    tz: str
    job: str = ""
    _fires: FireTimes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fires", fire_times(self._numbers, self.tz))

    def __reduce__(self) -> tuple[type[Schedule], tuple[str, ...]]:
        """Copied and pickled as text: what was computed stays with its process."""
        return CronSchedule, (self.expression, self.tz, self.job)

    @property
    def _numbers(self) -> str:
        return bound(self.expression, self.job) if self.job else self.expression

    def next_after(self, start_ms: int) -> int | None:
        fire_s = self._fires.first_from(start_ms // 1000 + 1)
        return None if fire_s is None else fire_s * 1000

    def previous_before(self, start_ms: int) -> int | None:
        fire_s = self._fires.last_until((start_ms - 1) // 1000)
        return None if fire_s is None else fire_s * 1000

    def describe(self) -> str:
        text = describe(parse(self._numbers))
        return f"{text} ({self.tz})" if self.needs_tzdata else text

    def to_definition(self) -> Definition:
        definition: Definition = {"kind": "cron", "expression": self.expression, "tz": self.tz}
        return definition | {"job": self.job} if self.job else definition

    @property
    def needs_tzdata(self) -> bool:
        return self.tz != "UTC"

    def _seen_locally(self, fire_time: datetime) -> Upcoming:
        mark = self._fires.mark_at((fire_time - EPOCH) // timedelta(seconds=1))
        return Upcoming(fire_time, fire_time.astimezone(zone(self.tz)), mark)


@dataclass(frozen=True, slots=True)
class HashedSchedule(Schedule):
    """A cron expression with an H, before the job is known whose name decides what it stands for.

    It has no fire times: asking for them raises `InvalidScheduleError`.
    """

    expression: str
    tz: str

    def __post_init__(self) -> None:
        parse(bound(self.expression, "any"))
        zone(self.tz)

    def for_job(self, job: str) -> Schedule:
        return CronSchedule(self.expression, self.tz, job)

    def next_after(self, start_ms: int) -> int | None:
        raise self._nameless()

    def previous_before(self, start_ms: int) -> int | None:
        raise self._nameless()

    def describe(self) -> str:
        text = f'"{self.expression}", each H a number that follows from the job\'s name'
        return f"{text} ({self.tz})" if self.tz != "UTC" else text

    def to_definition(self) -> Definition:
        return {"kind": "cron", "expression": self.expression, "tz": self.tz}

    def _nameless(self) -> InvalidScheduleError:
        return InvalidScheduleError("expression", self.expression, _NAMELESS)


@dataclass(frozen=True, slots=True)
class EverySchedule(Schedule):
    """See `every`. The anchor is kept as the first fire time since 1970."""

    interval_ms: int
    anchor_ms: int

    def __post_init__(self) -> None:
        if not _LEAST_INTERVAL_MS <= self.interval_ms < _END_MS:
            hint = "must be a second at least, and less than 230 years"
            raise InvalidScheduleError("interval", f"{self.interval_ms} ms", hint)
        object.__setattr__(self, "anchor_ms", self.anchor_ms % self.interval_ms)

    def next_after(self, start_ms: int) -> int | None:
        start_ms = max(start_ms, -1)
        fire_ms = start_ms + self.interval_ms - (start_ms - self.anchor_ms) % self.interval_ms
        return fire_ms if fire_ms < _END_MS else None

    def previous_before(self, start_ms: int) -> int | None:
        latest_ms = min(start_ms, _END_MS) - 1
        fire_ms = latest_ms - (latest_ms - self.anchor_ms) % self.interval_ms
        return fire_ms if fire_ms >= 0 else None

    def describe(self) -> str:
        text = f"every {_in_words(self.interval_ms)}"
        return f"{text}, counted from {_as_text(self.anchor_ms)}" if self.anchor_ms else text

    def to_definition(self) -> Definition:
        return {"kind": "every", "interval_ms": self.interval_ms, "anchor_ms": self.anchor_ms}


@dataclass(frozen=True, slots=True)
class AtSchedule(Schedule):
    """See `at`."""

    fire_time_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.fire_time_ms < _END_MS:
            hint = "must be in the years 1970 to 2199"
            raise InvalidScheduleError("moment", f"{self.fire_time_ms} ms", hint)

    def next_after(self, start_ms: int) -> int | None:
        return self.fire_time_ms if start_ms < self.fire_time_ms else None

    def previous_before(self, start_ms: int) -> int | None:
        return self.fire_time_ms if start_ms > self.fire_time_ms else None

    def describe(self) -> str:
        return f"once, at {_as_text(self.fire_time_ms)}"

    def to_definition(self) -> Definition:
        return {"kind": "at", "fire_time_ms": self.fire_time_ms}


def _walk(step: Callable[[int], int | None], start_ms: int) -> Iterator[datetime]:
    fire_ms = step(start_ms)
    while fire_ms is not None:
        yield EPOCH + timedelta(milliseconds=fire_ms)
        fire_ms = step(fire_ms)


def _aware(name: str, moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        hint = "has no time zone: give it one, such as tzinfo=UTC"
        raise InvalidScheduleError(name, str(moment), hint)
    return moment


def _ms_rounded_up(name: str, moment: datetime) -> int:
    return -((EPOCH - _aware(name, moment)) // _MS)


def _as_text(instant_ms: int) -> str:
    moment = EPOCH + timedelta(milliseconds=instant_ms)
    precision = "milliseconds" if instant_ms % 1000 else "seconds"
    return moment.replace(tzinfo=None).isoformat(" ", precision) + " UTC"


def _in_words(interval_ms: int) -> str:
    """The interval as in "hour", "15 minutes" or "1 hour 30 minutes"."""
    parts: list[tuple[int, str]] = []
    for unit, size_ms in _UNITS_MS:
        count, interval_ms = divmod(interval_ms, size_ms)
        if count:
            parts.append((count, unit))
    if len(parts) == 1 and parts[0][0] == 1:
        return parts[0][1]
    return " ".join(f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in parts)
