"""cronsim and croniter, asked the same: they agree, but for the differences listed here.

Each difference names the rule that decides it, and what the library answers. One that is gone
fails here, and leaves the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

import pytest
from croniter import croniter
from croniter.croniter import CroniterError
from cronsim import CronSim, CronSimError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cronfleet.cron.zones import zone
from cronfleet.errors import InvalidScheduleError
from cronfleet.schedule import cron
from tests.unit.cron import oracle
from tests.unit.cron.firing import instant, shown
from tests.unit.cron.oracle import Sketch

REFUSED = ["refused"]
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"


def ask_ours(expression: str, start: datetime) -> Iterator[datetime]:
    return cron(expression, str(start.tzinfo)).after(start)


def ask_cronsim(expression: str, start: datetime) -> Iterator[datetime]:
    return CronSim(expression, start)


def ask_croniter(expression: str, start: datetime) -> Iterator[datetime]:
    """Told that a day field with a leading star wants both, as in Debian's cron."""
    rival = croniter(expression, start, implement_cron_bug=True, second_at_beginning=True)
    while True:
        yield rival.get_next(datetime)


Ask = Callable[[str, datetime], Iterator[datetime]]


def answer(ask: Ask, expression: str, start: datetime, n: int) -> list[str]:
    """The next `n` fire times on the wall of the start's zone."""
    try:
        found = list(islice(ask(expression, start), n))
    except (InvalidScheduleError, CronSimError, CroniterError):
        return REFUSED
    return [shown(fire.astimezone(UTC), str(start.tzinfo)) for fire in found]


class Difference(NamedTuple):
    rule: str
    expression: str
    theirs: list[str]
    ours: list[str]
    start: str = "2026-01-01 00:00"
    tz: str = "UTC"

    def check(self, ask: Ask) -> None:
        start = instant(self.start, self.tz).astimezone(zone(self.tz))
        n = max(len(self.ours), len(self.theirs))
        assert answer(ask, self.expression, start, n) == self.theirs
        assert answer(ask_ours, self.expression, start, n) == self.ours


def daily(month: str, *days: int) -> list[str]:
    return [f"{month}-{day:02} 00:00" for day in days]


CRONSIM = [
    Difference("R1", "0 0 0 1 1 * 2030", REFUSED, ["2030-01-01 00:00"]),
    Difference("R2", "0\u00a00 * * *", ["2026-01-02 00:00"], REFUSED),
    Difference("R2", "0 0\n* * *", ["2026-01-02 00:00"], REFUSED),
    Difference(
        "R4",
        "5-5/8 * * * *",
        ["2026-01-01 00:05", "2026-01-01 00:13"],
        ["2026-01-01 00:05", "2026-01-01 01:05"],
    ),
    Difference("R4", "0 0 * * 1/2", daily("2026-01", 2, 4, 5), daily("2026-01", 2, 5, 7)),
    Difference("R3", "0 0 * * 7/2", daily("2026-01", 4, 11), daily("2026-01", 3, 4)),
    Difference("R5", "0 0 * * FRI-SUN", REFUSED, daily("2026-01", 2, 3, 4, 9)),
    Difference("R6", "0 0 ? * MON", REFUSED, daily("2026-01", 5, 12)),
    Difference("R7", "@daily", REFUSED, daily("2026-01", 2, 3)),
    Difference("R8", "0 0 15W * *", REFUSED, daily("2026-01", 15)),
    Difference("R8", "0 0 L-2 * *", REFUSED, daily("2026-01", 29)),
    Difference("R8", "0 0 * * 5#L", REFUSED, daily("2026-01", 30)),
    Difference("R8", "0 0 L/2 * *", daily("2026-01", 31), REFUSED),
    Difference(
        "R13: a step over the half hour that was skipped",
        "30 * * * *",
        ["2026-10-04 01:30 +1030", "2026-10-04 03:30 +1100"],
        ["2026-10-04 01:30 +1030", "2026-10-04 02:30 +1100"],
        "2026-10-04 01:00",
        LORD_HOWE,
    ),
    Difference(
        "R13: half an hour late on the day after",
        "*/10 0 * * *",
        ["2026-10-05 00:30 +1100"],
        ["2026-10-05 00:00 +1100"],
        "2026-10-04 01:00",
        LORD_HOWE,
    ),
    Difference(
        "R12, R15: the answer lies before the start",
        "30 1 * * *",
        ["2026-11-01 01:30 -0400"],
        ["2026-11-02 01:30 -0500"],
        "2026-11-01 01:10-05:00",
        NEW_YORK,
    ),
    Difference(
        "R1, R15: with a second field it runs in both passes",
        "0 30 1 * * *",
        ["2026-11-01 01:30 -0400", "2026-11-01 01:30 -0500"],
        ["2026-11-01 01:30 -0400", "2026-11-02 01:30 -0500"],
        "2026-10-31 12:00",
        NEW_YORK,
    ),
    Difference(
        "R16",
        "30 12 30 12 *",
        ["2011-12-31 00:00 +1400"],
        ["2012-12-30 12:30 +1400"],
        "2011-12-01 00:00",
        "Pacific/Apia",
    ),
]

CRONITER = [
    Difference("R1", "0 0 0 1 1 * 2199", REFUSED, ["2199-01-01 00:00"]),
    Difference("R2", "0 0\n* * *", ["2026-01-02 00:00"], REFUSED),
    Difference(
        "R4",
        "5-5 * * * *",
        ["2026-01-01 00:01", "2026-01-01 00:02"],
        ["2026-01-01 00:05", "2026-01-01 01:05"],
    ),
    Difference(
        "R4",
        "5-5/8 * * * *",
        ["2026-01-01 00:08", "2026-01-01 00:16"],
        ["2026-01-01 00:05", "2026-01-01 01:05"],
    ),
    Difference("R4", "0 0 * * MON-MON", daily("2026-01", 2, 3), daily("2026-01", 5, 12)),
    Difference("R5", "0 22-1 * * *", ["2026-01-01 01:00", "2026-01-01 22:00"], REFUSED),
    Difference("R8", "0 0 LW * *", REFUSED, daily("2026-01", 30)),
    Difference("R8", "0 0 L-2 * *", REFUSED, daily("2026-01", 29)),
    Difference("R8", "0 0 * * 5L", REFUSED, daily("2026-01", 30)),
    Difference("R8", "0 0 * * MON#2,WED", REFUSED, daily("2026-01", 7, 12, 14)),
    Difference("R8, R11", "0 0 15 * MON#2", REFUSED, daily("2026-01", 12, 15)),
    Difference("R11", "0 0 5,* * MON", daily("2026-01", 5, 12), daily("2026-01", 2, 3)),
    Difference(
        "R13: at a skipped time, though a wildcard job",
        "*/30 2 * * *",
        ["2026-03-08 03:00 -0400"],
        ["2026-03-09 02:00 -0400"],
        "2026-03-08 00:00",
        NEW_YORK,
    ),
    Difference(
        "R13: at a skipped midnight, though a wildcard job",
        "0 */2 * * *",
        ["2018-11-04 01:00 -0200", "2018-11-04 02:00 -0200"],
        ["2018-11-04 02:00 -0200", "2018-11-04 04:00 -0200"],
        "2018-11-03 23:00",
        "America/Sao_Paulo",
    ),
    Difference(
        "R15: in both passes",
        "30 1 * * *",
        ["2026-11-01 01:30 -0400", "2026-11-01 01:30 -0500"],
        ["2026-11-01 01:30 -0400", "2026-11-02 01:30 -0500"],
        "2026-10-31 12:00",
        NEW_YORK,
    ),
    Difference(
        "R16",
        "30 12 30 12 *",
        ["2011-12-31 00:00 +1400"],
        ["2012-12-30 12:30 +1400"],
        "2011-12-01 00:00",
        "Pacific/Apia",
    ),
]


def _name(difference: Difference) -> str:
    return f"{difference.rule.partition(':')[0]} {difference.expression!r}"


@pytest.mark.parametrize("difference", CRONSIM, ids=_name)
def test_cronsim_differs_as_listed(difference: Difference) -> None:
    difference.check(ask_cronsim)


@pytest.mark.parametrize("difference", CRONITER, ids=_name)
def test_croniter_differs_as_listed(difference: Difference) -> None:
    difference.check(ask_croniter)


def test_r13_where_cronsim_does_not_come_back_we_answer() -> None:
    """cronsim 2.8 loops for ever on this, so it is not asked."""
    start = instant("2010-11-06 22:00", "America/St_Johns")
    assert answer(ask_ours, "15 */2 * * *", start, 2) == [
        "2010-11-06 22:15 -0230",
        "2010-11-07 00:15 -0330",
    ]


def test_r11_croniter_needs_telling_that_a_leading_star_wants_both() -> None:
    start = instant("2026-01-01 00:00")
    rival = croniter("0 0 */2 * MON", start)
    assert rival.get_next(datetime).day == 3
    assert answer(ask_ours, "0 0 */2 * MON", start, 2) == daily("2026-01", 5, 19)


def agrees(ask: Ask, sketch: Sketch, start: datetime) -> None:
    theirs = answer(ask, sketch.text, start, 12)
    assume(theirs != REFUSED)
    assert answer(ask_ours, sketch.text, start, 12) == theirs


def _is_read_alike(sketch: Sketch) -> bool:
    """Not one of the forms in the tables: `a-a`, and a step in the days of the week."""
    is_stepped = "/" in sketch.weekday.text.removeprefix("*/")
    return not is_stepped and not re.search(r"\b([0-9]+)-\1\b", sketch.text)


a_sketch = oracle.sketches(st.just(oracle.ON_THE_MINUTE)).filter(_is_read_alike)


@given(a_sketch, st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - made aware below
def test_croniter_agrees_where_no_clock_changes(sketch: Sketch, start: datetime) -> None:
    agrees(ask_croniter, sketch, start.replace(tzinfo=zone("UTC")))


CHANGES = ["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"]


@settings(max_examples=200)
@given(
    a_sketch,
    st.sampled_from([NEW_YORK, "Europe/Berlin", "Europe/London", "Australia/Sydney"]),
    st.sampled_from(CHANGES),
)
def test_cronsim_agrees_around_clock_changes_of_an_hour(sketch: Sketch, tz: str, day: str) -> None:
    agrees(ask_cronsim, sketch, instant(f"{day} 20:00", tz))
