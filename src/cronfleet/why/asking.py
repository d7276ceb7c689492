"""Which fire time a person means who names a time, clock changes thought of. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cronfleet.cron.zones import timeline, zone
from cronfleet.errors import InvalidScheduleError
from cronfleet.model import Instant
from cronfleet.schedule import EPOCH, CronSchedule, Schedule

YEARS_ASKED = range(1971, 2200)
"""Every zone is past the epoch in the first of them."""

_MS = timedelta(milliseconds=1)
_SECOND_MS = 1_000
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A time that was asked about, and what the schedule in force makes of it."""

    instant: Instant
    wall: datetime
    """What clocks show then, or would have shown; without a zone."""
    zone: tzinfo
    fire_time: Instant | None
    """The fire time that it stands for."""
    clock_change: str = ""
    """What a clock change did to it."""
    is_moved: bool = False
    """Clocks did not show that time when its tick was due, or not for the first time."""


def asked_of(schedule: Schedule, at: datetime) -> Asked:
    """What is meant by a time; one without a zone is what clocks show in the schedule's zone.

    One without seconds stands for its whole minute. Raises InvalidScheduleError for one that no
    schedule can name.
    """
    if at.year not in YEARS_ASKED:
        hint = f"must be in the years {YEARS_ASKED[0]} to {YEARS_ASKED[-1]}"
        raise InvalidScheduleError("at", str(at), hint)
    return _Question(schedule, at).asked()


def zone_of(schedule: Schedule) -> tzinfo:
    """The zone in which the schedule is written."""
    return zone(schedule.tz) if isinstance(schedule, CronSchedule) else UTC


class _Question:
    """A time, on the way to what it means."""

    def __init__(self, schedule: Schedule, at: datetime) -> None:
        self._schedule = schedule
        self._zone = zone_of(schedule)
        self._span_ms = _SECOND_MS if at.second or at.microsecond else _MINUTE_MS
        local = at if at.utcoffset() is None else at.astimezone(self._zone)
        self._wall = local.replace(tzinfo=None, fold=0)
        self._is_second = at.utcoffset() is not None and local.fold == 1

    def asked(self) -> Asked:
        first, second = (self._instant(fold) for fold in (0, 1))
        if first == second:
            return self._plain(first)
        # Of a time that clocks skip, the offset after the change gives the earlier instant.
        return self._skipped(first) if second < first else self._repeated(first, second)

    def _plain(self, instant: Instant) -> Asked:
        fire_time = _fire_in(self._schedule, instant, self._span_ms)
        change = self._moved_here(fire_time) if fire_time is not None else ""
        return self._asked(instant, fire_time, change)

    def _skipped(self, beyond: Instant) -> Asked:
        change = self._change_before(beyond)
        said = (
            f"clocks went forward from {self._clock(change - 1, after=1)} to "
            f"{self._clock(change)} that day, so there was no {self._wall:%H:%M}"
        )
        if not self._names(self._wall):
            return self._asked(beyond, None, said)
        if self._mark_at(change):
            moved = f"{said}; its tick was that of {self._clock(change)}"
            return self._asked(beyond, change, moved, is_moved=True)
        alone = f"{said}; a schedule that repeats within the day leaves such times out"
        return self._asked(beyond, None, alone, is_moved=True)

    def _repeated(self, first: Instant, second: Instant) -> Asked:
        fires = [_fire_in(self._schedule, each, self._span_ms) for each in (first, second)]
        said = f"clocks went back that day and showed {self._wall:%H:%M} twice"
        instant = second if self._is_second else first
        match fires:
            case [None, None]:
                return self._asked(instant, None, said)
            case [int(fire_time), None]:
                only = f"{said}; its one tick was that of the first time, {_utc(fire_time)}"
                return self._asked(instant, fire_time, only, is_moved=self._is_second)
            case _:
                each = f"{said}; it had a tick each time, at {_utc(first)} and {_utc(second)}"
                return self._asked(instant, fires[self._is_second], each)

    def _asked(
        self,
        instant: Instant,
        fire_time: Instant | None,
        clock_change: str,
        *,
        is_moved: bool = False,
    ) -> Asked:
        return Asked(instant, self._wall, self._zone, fire_time, clock_change, is_moved)

    def _moved_here(self, fire_time: Instant) -> str:
        match self._mark_at(fire_time):
            case "moved":
                return "its own time was skipped by clocks that went forward"
            case "merged":
                return "clocks went forward, and several ticks fell on this time: they are one"
            case _:
                return ""

    def _mark_at(self, fire_time: Instant) -> str | None:
        (found,) = self._schedule.upcoming(1, after=_moment(fire_time - 1))
        return found.mark if found.fire_time == _moment(fire_time) else None

    def _names(self, wall: datetime) -> bool:
        """Whether the expression names it: the same in UTC, which skips nothing."""
        schedule = self._schedule
        if not isinstance(schedule, CronSchedule):
            return False
        walls = CronSchedule(schedule.expression, "UTC", schedule.job)
        return _fire_in(walls, _ms(wall.replace(tzinfo=UTC)), self._span_ms) is not None

    def _change_before(self, instant: Instant) -> Instant:
        return timeline(str(self._zone)).segment_at(instant // 1000).start * 1000

    def _instant(self, fold: int) -> Instant:
        return _ms(self._wall.replace(tzinfo=self._zone, fold=fold))

    def _clock(self, instant: Instant, after: int = 0) -> str:
        """What clocks show, `after` so many milliseconds."""
        shown = _moment(instant).astimezone(self._zone).replace(tzinfo=None) + after * _MS
        return f"{shown:%H:%M}"


def _fire_in(schedule: Schedule, start: Instant, span_ms: int) -> Instant | None:
    fire_time = schedule.next_after(start - 1)
    return fire_time if fire_time is not None and fire_time < start + span_ms else None


def _utc(instant: Instant) -> str:
    return f"{_moment(instant):%H:%M} UTC"


def _moment(instant: Instant) -> datetime:
    return EPOCH + instant * _MS


def _ms(moment: datetime) -> Instant:
    return (moment - EPOCH) // _MS
