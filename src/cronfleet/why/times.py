"""Times as people read them: in the zone of a schedule, and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from cronfleet.info import moment
from cronfleet.model import Instant

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class Times:
    """What clocks show in a zone."""

    zone: tzinfo

    def full(self, instant: Instant) -> str:
        """As in "Sunday 2026-03-29 03:00 Europe/Berlin (01:00 UTC)"."""
        utc = moment(instant)
        if str(self.zone) == "UTC":
            return f"{_day(utc)} {_clock(utc)} UTC"
        local = utc.astimezone(self.zone)
        other_day = "" if utc.date() == local.date() else f"{utc:%Y-%m-%d} "
        return f"{_day(local)} {_clock(local)} {self.zone} ({other_day}{_clock(utc)} UTC)"

    def wall(self, shown: datetime) -> str:
        """What clocks show, or would have shown: as in "Sunday 2026-03-29 02:30 Europe/Berlin"."""
        return f"{_day(shown)} {_clock(shown)} {self.zone}"


def utc(instant: Instant) -> str:
    """As in "2026-03-29 01:00 UTC"."""
    at = moment(instant)
    return f"{at:%Y-%m-%d} {_clock(at)} UTC"


def span(ms: int) -> str:
    """As in "1.2 s", "5 min", "3 h 20 min" or "2 days 1 h"."""
    if ms < _MINUTE_MS:
        return f"{ms / 1000:.3g} s"
    for unit_ms, unit, part_ms, part in (
        (_DAY_MS, " days", _HOUR_MS, "h"),
        (_HOUR_MS, " h", _MINUTE_MS, "min"),
    ):
        if ms >= unit_ms:
            whole, rest = divmod(ms, unit_ms)
            name = unit.removesuffix("s") if whole == 1 else unit
            return f"{whole}{name}" + (f" {rest // part_ms} {part}" if rest >= part_ms else "")
    return f"{ms // _MINUTE_MS} min"


def _day(at: datetime) -> str:
    return f"{_DAYS[at.weekday()]} {at:%Y-%m-%d}"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}" if at.second or at.microsecond else f"{at:%H:%M}"
