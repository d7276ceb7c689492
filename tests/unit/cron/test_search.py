"""What must hold of every expression, zone and start; and Debian's cron played out beside it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cronfleet.cron.zones import zone, zone_names
from cronfleet.errors import InvalidScheduleError
from cronfleet.schedule import Schedule, cron
from tests.unit.cron import oracle, tzif
from tests.unit.cron.oracle import Part, Sketch

NAMES = sorted(zone_names())
LAST_S = 7_258_118_400  # 2200 begins.
HOUR = 3600

a_zone = st.sampled_from(NAMES)
a_start = st.integers(-86_400_000, LAST_S * 1000)
a_sketch = oracle.sketches(st.just(oracle.ON_THE_MINUTE))
a_sketch_of_seconds = oracle.sketches(oracle.parts(0, 59))


def made(sketch: Sketch, tz: str) -> Schedule:
    try:
        return cron(sketch.text, tz)
    except InvalidScheduleError as error:
        assume("never fires" not in error.hint)
        raise


def upwards(schedule: Schedule, start_s: int, end_s: int) -> list[int]:
    """The fire times of a span, in seconds, `end_s` excluded."""
    found = schedule.between(start_s * 1000 - 1, end_s * 1000 - 1, limit=100_000)
    return [fire // 1000 for fire in found]


def downwards(schedule: Schedule, start_s: int, end_s: int) -> list[int]:
    """The same, found from its end."""
    found: list[int] = []
    fire = schedule.previous_before(end_s * 1000)
    while fire is not None and fire >= start_s * 1000:
        found.append(fire // 1000)
        fire = schedule.previous_before(fire)
    return found[::-1]


def a_change(data: st.DataObject, tz: str) -> int:
    """An instant when the clock changes, or any in a year when it does not."""
    year = data.draw(st.integers(1971, 2198))
    start = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    return data.draw(
        st.sampled_from(oracle.changes(zone(tz), start, start + 366 * 86_400) or [start])
    )


@given(st.one_of(a_sketch, a_sketch_of_seconds), a_zone, a_start)
def test_r12_next_is_later_and_previous_undoes_it(sketch: Sketch, tz: str, start: int) -> None:
    schedule = made(sketch, tz)
    fire = schedule.next_after(start)
    assume(fire is not None)
    assert fire is not None
    assert fire > start
    assert fire % 1000 == 0
    assert schedule.next_after(fire - 1) == fire == schedule.previous_before(fire + 1)
    before = schedule.previous_before(fire)
    assert before is None or (before <= start and schedule.next_after(before) == fire)


@given(st.one_of(a_sketch, a_sketch_of_seconds), a_zone, a_start, st.data())
def test_r12_the_set_is_the_same_from_wherever_the_search_starts(
    sketch: Sketch, tz: str, start: int, data: st.DataObject
) -> None:
    schedule = made(sketch, tz)
    fires = schedule.between(start, LAST_S * 1000, limit=20)
    assume(len(fires) > 1)
    later = data.draw(st.integers(start, fires[-1] - 1))
    rest = [fire for fire in fires if fire > later]
    assert schedule.between(later, fires[-1], limit=20) == rest
    assert downwards(schedule, later // 1000 + 1, fires[-1] // 1000 + 1) == [
        f // 1000 for f in rest
    ]


@settings(max_examples=150)
@given(a_sketch, a_zone, st.data())
def test_it_agrees_with_a_minute_by_minute_simulation(
    sketch: Sketch, tz: str, data: st.DataObject
) -> None:
    assume(tz != "Africa/Monrovia")  # Its minutes began at 15 to the minute until 1972.
    change = a_change(data, tz)
    start, end = change - 8 * HOUR, change + 26 * HOUR
    wanted = oracle.fires(sketch, zone(tz), start, end)
    schedule = made(sketch, tz)
    assert upwards(schedule, start, end) == downwards(schedule, start, end) == wanted


@settings(max_examples=40)
@given(a_sketch_of_seconds, a_zone, st.data())
def test_it_agrees_with_a_second_by_second_simulation(
    sketch: Sketch, tz: str, data: st.DataObject
) -> None:
    change = a_change(data, tz)
    start, end = change - HOUR, change + HOUR
    wanted = oracle.fires(sketch, zone(tz), start, end, step_s=1)
    schedule = made(sketch, tz)
    assert upwards(schedule, start, end) == downwards(schedule, start, end) == wanted


def _part(text: str, values: range) -> Part:
    return Part(text, frozenset(values))


NIGHTLY = [
    (_part("45", range(45, 46)), _part("0-23", range(24))),
    (_part("7/15", range(7, 60, 15)), _part("0-23/2", range(0, 24, 2))),
    (_part("*/20", range(0, 60, 20)), _part("1-23/2", range(1, 24, 2))),
]


def _distinct_zones() -> list[str]:
    return list({(tzif.FOLDER / name).read_bytes(): name for name in NAMES}.values())


@pytest.mark.parametrize("tz", _distinct_zones())
def test_in_every_zone_it_agrees_around_clock_changes(tz: str) -> None:
    """Around the first and the last change listed, and the last before 2200."""
    listed = [change.at_s for change in tzif.read(tz).changes]
    by_rule = oracle.changes(zone(tz), LAST_S - 366 * 86_400, LAST_S)
    every = [_part("*", range(1, 32)), _part("*", range(1, 13)), _part("*", range(7))]
    for change in {*listed[:1], *listed[-1:], *by_rule[-1:]}:
        start, end = (change - 4 * HOUR) // 60 * 60, change + 4 * HOUR
        for minute, hour in NIGHTLY if tz != "Africa/Monrovia" else ():
            sketch = Sketch(oracle.ON_THE_MINUTE, minute, hour, *every)
            wanted = oracle.fires(sketch, zone(tz), start, end)
            assert upwards(cron(sketch.text, tz), start, end) == wanted, (tz, sketch.text)
            assert downwards(cron(sketch.text, tz), start, end) == wanted, (tz, sketch.text)
