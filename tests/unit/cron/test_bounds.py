"""Nothing that a person can type hangs or takes long; no other error comes out.

The limit is 5 ms. What is counted here are the interpreter's steps (calls and lines), which are
the same on every machine; `python3 dev.py bench cron` has the milliseconds.
"""

from __future__ import annotations

import string
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronfleet.cron import days, fields, parser, search, walls, zones
from cronfleet.cron.describe import describe
from cronfleet.errors import InvalidScheduleError
from cronfleet.schedule import cron

# A step takes 30 to 100 ns, so these are under 5 ms on a slow machine.
MOST_STEPS = 50_000
NOW_MS = 1_795_500_000_000
CACHED = (
    days.month_masks,
    days.parse_days,
    fields.parse_values,
    parser.parse,
    search.fire_times,
    walls._days,
    walls._steps,
    zones.timeline,
    zones.zone,
)

words = st.sampled_from(
    [*"0123456789*/,-?LWH# \t\\@'\"=", "MON", "SUN", "jan", "*/2", "1-5", "31", "L-3", " * ", ",59"]
)
typed = st.one_of(
    st.lists(words, max_size=120).map("".join),
    st.text(string.printable, max_size=300),
    st.text(max_size=300),
    st.lists(st.lists(words, min_size=1, max_size=40).map("".join), min_size=5, max_size=7).map(
        " ".join
    ),
)


def forget() -> None:
    for function in CACHED:
        function.cache_clear()


def use(text: str, tz: str) -> None:
    """Make it, say it, and look for both neighbours of now; or be told what is wrong with it."""
    try:
        schedule = cron(text, tz)
    except InvalidScheduleError:
        return
    schedule.next_after(NOW_MS)
    schedule.previous_before(NOW_MS)
    describe(parser.parse(text))


def steps(text: str, tz: str) -> int:
    """How many calls and lines it takes, with nothing remembered from before."""
    forget()
    counted = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> Any:
        nonlocal counted
        counted += 1
        return count

    others = sys.gettrace()  # The coverage's.
    sys.settrace(count)
    try:
        use(text, tz)
    finally:
        sys.settrace(others)
    return counted


def test_steps_are_counted() -> None:
    assert 100 < steps("0 * * * *", "UTC") < steps("1," * 123 + "1 * * * *", "UTC")


@settings(max_examples=400)
@given(typed)
def test_whatever_is_typed_is_read_or_refused_in_few_steps(text: str) -> None:
    assert steps(text, "Europe/Berlin") <= MOST_STEPS


@settings(max_examples=100)
@given(st.text(string.ascii_letters + "/_ +-.", max_size=300))
def test_whatever_zone_is_typed_is_known_or_refused_in_few_steps(tz: str) -> None:
    assert steps("0 * * * *", tz) <= MOST_STEPS


LONG = [
    "1," * 123 + "1 * * * *",
    "*/2," * 61 + "* * * * *",
    "0-59," * 49 + "7 * * * *",
    "0 0 " + "L," * 122 + "L * *",
    "0 0 * * " + "1#1," * 61 + "1#5",
    "0 0 * * " + "MON#1," * 40 + "5L",
    "0 0 0 * * * " + "1970-2199," * 24 + "1970",
    "-" * 256,
    "*" * 256,
    "/" * 251 + " * * * *",
    "L" * 251 + " * * * *",
    "0 0 " + "9" * 248 + "W * *",
    "0 0 L-" + "9" * 246 + " * *",
    "0 0 * * 1#" + "9" * 246,
    "*/" + "9" * 246 + " * * * *",
    " " * 256,
    "@" * 256,
    "\\" * 256,
    "1" * 400_000,
    "1," * 200_000 + "1 * * * *",
]
RARE = [
    "0 0 29 2 *",
    "0 0 */29,29 2 MON",
    "0 0 31 2 1",
    "0 0 */31 * MON#2",
    "0 0 30 2 */2",
    "59 59 23 31 12 * 2199",
    "0 0 0 29 2 * 2196",
    "0 0 0 1 1 * 1970",
    "0 0 0 29 2 * 1971-1979/5",
    "* * 2 31 12 * 2199",
]


@pytest.mark.parametrize("text", LONG + RARE)
def test_long_and_rare_expressions_take_few_steps(text: str) -> None:
    assert steps(text, "America/New_York") <= MOST_STEPS
