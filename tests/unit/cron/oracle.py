"""A second opinion: expressions whose meaning is known by making, and Debian's cron, played out.

Nothing of `cronfleet` is in here but the zone files: walk the clock minute by minute, look at the
wall, decide. Slow and plain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock has no zone
THREE_HOURS = 3 * 3600


@dataclass(frozen=True)
class Part:
    """A field's text, and the values that it was made of."""

    text: str
    values: frozenset[int]


@dataclass(frozen=True)
class Sketch:
    """An expression made of parts, without year; six fields unless the second is "0"."""

    second: Part
    minute: Part
    hour: Part
    date: Part
    month: Part
    weekday: Part

    @property
    def text(self) -> str:
        parts = [self.minute, self.hour, self.date, self.month, self.weekday]
        if self.second.text != "0":
            parts.insert(0, self.second)
        return " ".join(part.text for part in parts)

    @property
    def is_wildcard(self) -> bool:
        return any(p.text.startswith("*") for p in (self.second, self.minute, self.hour))

    def matches(self, wall: datetime) -> bool:
        return (
            wall.second in self.second.values
            and wall.minute in self.minute.values
            and wall.hour in self.hour.values
            and wall.month in self.month.values
            and self._is_day(wall)
        )

    def _is_day(self, wall: datetime) -> bool:
        by_date = wall.day in self.date.values
        by_weekday = wall.isoweekday() % 7 in self.weekday.values
        if self.date.text.startswith("*") or self.weekday.text.startswith("*"):
            return by_date and by_weekday
        return by_date or by_weekday


def wall_at(zone: ZoneInfo, utc_s: int) -> datetime:
    utc = datetime.fromtimestamp(utc_s, UTC)
    return utc.astimezone(zone).replace(tzinfo=None)


def fires(sketch: Sketch, zone: ZoneInfo, start_s: int, end_s: int, step_s: int = 60) -> list[int]:
    """The fire times from `start_s` to before `end_s`, looking at the clock every `step_s`."""
    step = timedelta(seconds=step_s)
    found: list[int] = []
    before = wall_at(zone, start_s - step_s)
    has_run_until = EPOCH
    for now in range(start_s, end_s, step_s):
        wall = wall_at(zone, now)
        jump_s = (wall - before - step).total_seconds()
        is_due = sketch.matches(wall)
        if not sketch.is_wildcard:
            if 0 < jump_s < THREE_HOURS:
                skipped = (before + k * step for k in range(1, int(jump_s // step_s) + 1))
                is_due = is_due or any(map(sketch.matches, skipped))
            if -THREE_HOURS < jump_s < 0:
                has_run_until = before + step
            is_due = is_due and wall >= has_run_until
        if is_due:
            found.append(now)
        before = wall
    return found


def changes(zone: ZoneInfo, start_s: int, end_s: int) -> list[int]:
    """The first second after each clock change, found by looking every six hours."""
    found: list[int] = []
    quarter_day = 6 * 3600
    for at in range(start_s, end_s, quarter_day):
        if _offset(zone, at) != _offset(zone, at + quarter_day):
            low, high = at, at + quarter_day
            while high - low > 1:
                middle = (low + high) // 2
                if _offset(zone, middle) == _offset(zone, at):
                    low = middle
                else:
                    high = middle
            found.append(high)
    return found


def _offset(zone: ZoneInfo, utc_s: int) -> int:
    return int((wall_at(zone, utc_s) - EPOCH).total_seconds()) - utc_s


def _star(low: int, high: int) -> Part:
    return Part("*", frozenset(range(low, high + 1)))


def _stepped_star(low: int, high: int) -> st.SearchStrategy[Part]:
    def stepped(step: int) -> Part:
        return Part(f"*/{step}", frozenset(range(low, high + 1, step)))

    return st.integers(1, high + 2).map(stepped)


@st.composite
def _items(draw: st.DrawFn, low: int, high: int) -> Part:
    first, last = sorted((draw(st.integers(low, high)), draw(st.integers(low, high))))
    step = draw(st.integers(1, 9))
    forms = {
        f"{first}": range(first, first + 1),
        f"{first}-{last}": range(first, last + 1),
        f"{first}-{last}/{step}": range(first, last + 1, step),
        f"{first}/{step}": range(first, high + 1, step),
    }
    text = draw(st.sampled_from(list(forms)))
    return Part(text, frozenset(forms[text]))


def _joined(items: list[Part]) -> Part:
    texts, values = zip(*((item.text, item.values) for item in items), strict=True)
    return Part(",".join(texts), frozenset[int]().union(*values))


def parts(low: int, high: int) -> st.SearchStrategy[Part]:
    """A field of numbers from `low` to `high`."""
    lists = st.lists(_items(low, high), min_size=1, max_size=3).map(_joined)
    return st.one_of(st.just(_star(low, high)), _stepped_star(low, high), lists)


ON_THE_MINUTE = Part("0", frozenset({0}))


def sketches(second: st.SearchStrategy[Part]) -> st.SearchStrategy[Sketch]:
    """An expression of numbers, of which many run every day."""

    def usually_all(low: int, high: int) -> st.SearchStrategy[Part]:
        return st.one_of(st.just(_star(low, high)), st.just(_star(low, high)), parts(low, high))

    return st.builds(
        Sketch,
        second,
        parts(0, 59),
        parts(0, 23),
        usually_all(1, 31),
        usually_all(1, 12),
        usually_all(0, 6),
    )
