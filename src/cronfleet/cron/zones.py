"""Time zones, from the `tzdata` wheel only: every instance computes with the same rules."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import tzdata

from cronfleet.errors import InvalidScheduleError

_FILES = Path(tzdata.__file__).parent
_NO_OFFSET = timedelta(0)
_SECOND = timedelta(seconds=1)

_CHUNK_BITS = 22  # 48 days: what is looked through at once.
_PROBE_S = 1 << 18  # 3 days: no zone has two clock changes within a probe (the least is 6.9).
_SMALL_CHANGE_S = 3 * 3600


def tzdata_version() -> str:
    """The release of the IANA data in use, as "2026f"; a newer one is the greater string."""
    return tzdata.IANA_VERSION


@cache
def zone(key: str) -> ZoneInfo:
    """The zone of that IANA name, whatever the system's own files say.

    Raises `InvalidScheduleError` for a name that the wheel does not have.
    """
    if key not in zone_names():
        raise InvalidScheduleError("tz", key, _hint_for(key))
    with (_FILES / "zoneinfo" / key).open("rb") as file:
        return ZoneInfo.from_file(file, key=key)


@cache
def zone_names() -> frozenset[str]:
    """Every name that `zone` knows."""
    return frozenset((_FILES / "zones").read_text(encoding="ascii").split())


def _hint_for(key: str) -> str:
    """Names whose last part begins as that of `key` does: cheap, as anybody may type a key."""
    typed = _city(key)
    near = [name for name in sorted(zone_names()) if _city(name)[:3] == typed[:3]]
    if len(typed) < 3 or not near:
        return "no such time zone: write an IANA name, such as Europe/Berlin, or UTC"
    for length in range(4, len(typed) + 1):
        nearer = [name for name in near if _city(name).startswith(typed[:length])]
        if not nearer:
            break
        near = nearer
    return f"no such time zone: did you mean {' or '.join(near[:3])}?"


def _city(name: str) -> str:
    return name.rpartition("/")[2].replace(" ", "_").lower()


class Segment(NamedTuple):
    """A span of UTC seconds, `end` excluded, with one offset from UTC to the wall.

    `owned` is the first wall second that a fixed-time job looks for here. A small clock change at
    `start` moves it away from the span's own first wall second: forwards, to before the skipped
    times, which all run at `start`; backwards, to after the repeated ones, which have run.
    """

    start: int
    end: int
    offset: int
    owned: int


class Timeline:
    """A zone, cut at its clock changes; what was looked through is kept."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._chunks: dict[int, list[Segment]] = {}

    def segment_at(self, utc_s: int) -> Segment:
        """The segment that holds the UTC second; not every one ends at a clock change."""
        number = utc_s >> _CHUNK_BITS
        chunk = self._chunks.get(number)
        if chunk is None:
            chunk = self._chunks[number] = self._cut(number)
        i = 0
        while chunk[i].end <= utc_s:
            i += 1
        return chunk[i]

    def _cut(self, number: int) -> list[Segment]:
        end = (number + 1) << _CHUNK_BITS
        # From a probe earlier, so that the second pass of repeated times is known as one.
        start = (number << _CHUNK_BITS) - _PROBE_S
        cuts = [start, *self._changes_between(start, end), end]
        return [self._segment(start, end) for start, end in pairwise(cuts)]

    def _changes_between(self, start: int, end: int) -> Iterator[int]:
        probes = range(start, end + 1, _PROBE_S)
        for low, high in pairwise((at, self._offset_at(at)) for at in probes):
            if low[1] != high[1]:
                yield self._end_of(low[1], range(low[0], high[0]))

    def _end_of(self, offset: int, span: range) -> int:
        """The first second after the offset that the span begins with, by bisection."""
        seconds = bisect_left(span, True, key=lambda at: self._offset_at(at) != offset)
        return span.start + seconds

    def _segment(self, start: int, end: int) -> Segment:
        offset = self._offset_at(start)
        change = offset - self._offset_at(start - 1)
        owned = start + offset
        if abs(change) < _SMALL_CHANGE_S:
            owned -= change
        return Segment(start, end, offset, owned)

    def _offset_at(self, utc_s: int) -> int:
        offset = datetime.fromtimestamp(utc_s, self._zone).utcoffset() or _NO_OFFSET
        return offset // _SECOND


@cache
def timeline(key: str) -> Timeline:
    """The timeline of the zone of that name; raises as `zone` does."""
    return Timeline(zone(key))
