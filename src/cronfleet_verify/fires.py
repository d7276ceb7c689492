"""The fire times of a schedule, found by walking through time. Instants are ms since 1970 UTC.

For a cron expression: hour by hour of UTC. In an hour in which the clock is not changed the wall
runs along; an hour in which it is changed is looked at second by second, by Debian's rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from itertools import takewhile
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronfleet_verify.expression import Expression

HOUR = 3600
_SMALL_CHANGE = 3 * HOUR
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_END_S = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Cron:
    """The times that an expression names on the clocks of a zone."""

    expression: Expression
    zone: ZoneInfo

    def fires(self, after: int, until: int) -> Iterator[int]:
        """The fire times in after < t <= until, ascending."""
        seconds = _cron_seconds(self.expression, self.zone, after // 1000 + 1, until // 1000)
        return (second * 1000 for second in seconds)


@dataclass(frozen=True, slots=True)
class Every:
    """The anchor, and all times whole intervals before and after it."""

    interval: int
    anchor: int

    def fires(self, after: int, until: int) -> Iterator[int]:
        """The fire times in after < t <= until, ascending."""
        after = max(after, -1)
        first = after + self.interval - (after - self.anchor) % self.interval
        yield from range(first, min(until, _END_S * 1000 - 1) + 1, self.interval)


@dataclass(frozen=True, slots=True)
class At:
    """One instant."""

    moment: int

    def fires(self, after: int, until: int) -> Iterator[int]:
        """The fire times in after < t <= until: this one or none."""
        if after < self.moment <= until:
            yield self.moment


Schedule = Cron | Every | At


def due(schedule: Schedule, job: str, fire_time: int, jitter: int) -> int:
    """When the tick of a fire time may start: later than that by the job's jitter."""
    if jitter <= 0:
        return fire_time
    following = next(schedule.fires(fire_time, fire_time + jitter), None)
    if following is not None:
        jitter = min(jitter, following - fire_time)
    digest = blake2b(f"{job} {fire_time}".encode(), digest_size=8).digest()
    return fire_time + int.from_bytes(digest, "big") % jitter


@cache
def zone(key: str) -> ZoneInfo:
    """The zone of that name, by the rules of the `tzdata` package. Raises ZoneInfoNotFoundError."""
    try:
        with files("tzdata").joinpath("zoneinfo", *key.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=key)
    except (OSError, ValueError):
        raise ZoneInfoNotFoundError(f"no such time zone: {key!r}") from None


def tzdata_version() -> str:
    """The release of the zone rules, as "2026f"."""
    import tzdata

    return tzdata.IANA_VERSION


# --- cron ---------------------------------------------------------------------------------------


def _cron_seconds(expression: Expression, tz: ZoneInfo, start: int, end: int) -> Iterator[int]:
    """The fire times in start <= t <= end, in seconds."""
    walk = _Walk(expression, tz)
    # From so much earlier that a clock set back by less than three hours has been seen.
    begin = (max(start, 0) - _SMALL_CHANGE) // HOUR * HOUR - HOUR
    found = (fire for hour in range(begin, min(end, _END_S) + 1, HOUR) for fire in walk.hour(hour))
    later = (fire for fire in found if fire >= max(start, 0))
    return takewhile(lambda fire: fire <= end, later)


class _Walk:
    """Goes from hour to hour, and remembers how far a wall has been shown already."""

    def __init__(self, expression: Expression, tz: ZoneInfo) -> None:
        self._expression = expression
        self._zone = tz
        self._shown_until = -(1 << 60)
        """Of fixed times those before this wall second have had their turn."""

    def hour(self, hour: int) -> Iterator[int]:
        """The fire times in the 3600 seconds from this one."""
        offset = self._offset(hour - 1)
        if offset == self._offset(hour + HOUR - 1):
            return self._unchanged(hour, offset)
        return self._changed(hour, hour - 1 + offset)

    def _offset(self, second: int) -> int:
        offset = datetime.fromtimestamp(second, self._zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds())

    def _unchanged(self, hour: int, offset: int) -> Iterator[int]:
        first, last = hour + offset, hour + offset + HOUR - 1
        for wall_hour in range(first // HOUR, last // HOUR + 1):
            for wall in _walls(self._expression, wall_hour):
                if first <= wall <= last and self._has_turn(wall):
                    yield wall - offset

    def _changed(self, hour: int, before: int) -> Iterator[int]:
        """Second by second; `before` is the wall of the second before the hour."""
        is_fixed = not self._expression.is_wildcard
        for second in range(hour, hour + HOUR):
            wall = second + self._offset(second)
            leap = wall - before - 1
            is_due = self._is_named(wall)
            if is_fixed and 0 < leap < _SMALL_CHANGE:
                is_due = is_due or any(map(self._is_named, range(before + 1, wall)))
            if is_fixed and -_SMALL_CHANGE < leap < 0:
                self._shown_until = before + 1
            if is_due and self._has_turn(wall):
                yield second
            before = wall

    def _has_turn(self, wall: int) -> bool:
        return self._expression.is_wildcard or wall >= self._shown_until

    def _is_named(self, wall: int) -> bool:
        day, time = divmod(wall, 24 * HOUR)
        hour, rest = divmod(time, HOUR)
        is_time = self._expression.has_time(hour, *divmod(rest, 60))
        return is_time and self._expression.has_day(date.fromordinal(_EPOCH_DAY + day))


def _walls(expression: Expression, wall_hour: int) -> Iterator[int]:
    """The wall seconds of one hour on the wall that an expression names."""
    day, hour = divmod(wall_hour, 24)
    if hour in expression.hours and expression.has_day(date.fromordinal(_EPOCH_DAY + day)):
        for minute in expression.minutes:
            for second in expression.seconds:
                yield wall_hour * HOUR + minute * 60 + second
