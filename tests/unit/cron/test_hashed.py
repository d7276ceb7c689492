"""H: a number of the job's own (R18)."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.cron.hashed import bound, is_hashed
from cronfleet.cron.parser import parse
from cronfleet.errors import InvalidScheduleError

LOWS = (0, 0, 0, 1, 1, 0)
HIGHS = (59, 59, 23, 28, 12, 6)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789._:/-", min_size=1, max_size=40)


@dataclass(frozen=True)
class Item:
    """An H as somebody wrote it: where it stands, from where to where, and in which steps."""

    place: int
    span: tuple[int, int] | None
    step: int | None

    @property
    def text(self) -> str:
        span = "({}-{})".format(*self.span) if self.span else ""
        return f"H{span}" + (f"/{self.step}" if self.step else "")

    @property
    def range(self) -> range:
        first, last = self.span or (LOWS[self.place], HIGHS[self.place])
        return range(first, last + 1)

    @property
    def expression(self) -> str:
        texts = ["*"] * 7
        texts[self.place] = self.text
        return " ".join(texts)


def values(item: Item, job: str) -> set[int]:
    """A second opinion, by counting: the first wanted value is picked, all others follow."""
    number = int(hashlib.sha256(f"{job} {item.place}".encode()).hexdigest(), 16)
    everything = list(item.range)
    if item.step is None:
        return {everything[number % len(everything)]}
    firsts = everything[: item.step]
    first = firsts[number % len(firsts)]
    return {n for n in everything if n >= first and (n - first) % item.step == 0}


@st.composite
def items(draw: st.DrawFn) -> Item:
    place = draw(st.integers(0, 5))
    ends = st.integers(LOWS[place], HIGHS[place])
    span = draw(st.none() | st.tuples(ends, ends).map(lambda pair: (min(pair), max(pair))))
    return Item(place, span, draw(st.none() | st.integers(1, 100)))


def read(item: Item, job: str) -> set[int]:
    """What a job's fields are, once its name is known."""
    expression = parse(bound(item.expression, job))
    found = (
        expression.seconds,
        expression.minutes,
        expression.hours,
        expression.days.dates.dates,
        expression.months,
        expression.days.weekdays.weekdays,
    )
    return set(found[item.place])


@given(items(), NAMES)
def test_an_h_stands_for_the_values_that_counting_finds(item: Item, job: str) -> None:
    assert read(item, job) == values(item, job)
    assert set(item.range) >= read(item, job) > set()


@given(items(), NAMES)
def test_an_h_counts_as_a_number_and_not_as_a_star(item: Item, job: str) -> None:
    assert "*" not in bound(item.expression, job).split()[item.place]


def test_the_numbers_are_the_same_for_ever() -> None:
    """Written down, since instances of all versions must agree."""
    assert bound("H H H H H", "report") == "0 16 10 23 5 6 *"
    assert bound("H H H H H H", "report") == "34 16 10 23 5 6 *"
    assert bound("H/15 H(9-17)/4 * * H(MON-FRI)", "report") == "0 1-59/15 11-17/4 * * 1 *"


def test_five_fields_and_six_of_which_the_first_is_zero_mean_the_same() -> None:
    assert bound("H H * * *", "report") == bound("0 H H * * *", "report")


def test_an_h_may_stand_in_a_list_and_in_either_case() -> None:
    assert bound("0,h,30 * * * *", "report") == "0 0,16,30 * * * * *"


@pytest.mark.parametrize(("place", "width"), [(1, 60), (2, 24), (3, 28), (5, 7)])
def test_jobs_are_spread_evenly(place: int, width: int) -> None:
    jobs = [f"job-{n}" for n in range(200 * width)]
    found = Counter(n for job in jobs for n in read(Item(place, None, None), job))
    assert len(found) == width
    assert 140 <= min(found.values()) <= max(found.values()) <= 260


def test_the_fields_of_one_job_do_not_hang_together() -> None:
    pairs = {bound("H H * * *", f"job-{n}") for n in range(500)}
    assert len(pairs) > 400


@pytest.mark.parametrize(
    ("expression", "is_so"),
    [
        ("H * * * *", True),
        ("* h/2 * * *", True),
        ("0 0,H * * *", True),
        ("@hourly", False),
        ("0 0 * MAR THU", False),
        ("0 0 LW * *", False),
    ],
)
def test_names_with_an_h_are_no_hash(expression: str, is_so: bool) -> None:
    assert is_hashed(expression) is is_so


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("H-5 * * * *", "an H stands alone: write H, H/n, H(a-b) or H(a-b)/n"),
        ("H() * * * *", "an H stands alone"),
        ("0-H * * * *", "an H stands alone"),
        ("0 0 * * H#2", "an H stands alone"),
        ("H(40-60) * * * *", "minute '60': must be 0-59"),
        ("H(40-20) * * * *", "a range runs upwards"),
        ("H/0 * * * *", "a step is 1 or more"),
        ("0 0 H(20-31) * *", "H keeps to the days that every month has: 1-28"),
        ("0 0 0 1 1 * H", "H is not for the year"),
        ("H * * *", "write 5 fields"),
    ],
)
def test_what_an_h_cannot_be_is_refused_with_a_hint(expression: str, hint: str) -> None:
    with pytest.raises(InvalidScheduleError) as caught:
        bound(expression, "report")
    assert hint in str(caught.value)
