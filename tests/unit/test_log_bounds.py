"""What a log keeps: its beginning, as far as no line is missing, and its end."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from cronfleet.store import MOST_LOG_BYTES, MOST_LOG_LINES, LogPlace, SizedPlace, beyond

HALF = MOST_LOG_LINES // 2


@st.composite
def logs(draw: st.DrawFn) -> list[SizedPlace]:
    """Lines of up to three attempts, some of them missing."""
    most = draw(st.sampled_from([10, 300, 4_096]))
    return [
        (LogPlace(attempt, number), draw(st.integers(0, most)))
        for attempt in range(1, draw(st.integers(1, 3)) + 1)
        for number in accumulate(draw(st.lists(st.integers(1, 3), max_size=60)))
    ]


def kept(lines: list[SizedPlace]) -> list[SizedPlace]:
    gone = set(beyond(lines))
    return [line for line in lines if line[0] not in gone]


@given(logs())
def test_what_is_kept_is_within_the_bounds(lines: list[SizedPlace]) -> None:
    assert sum(size for _, size in kept(lines)) <= MOST_LOG_BYTES
    assert len(kept(lines)) <= MOST_LOG_LINES


@given(logs())
def test_the_last_line_is_always_kept(lines: list[SizedPlace]) -> None:
    assert kept(lines)[-1:] == lines[-1:]


@given(logs())
def test_what_is_kept_stays_until_there_is_more(lines: list[SizedPlace]) -> None:
    assert kept(kept(lines)) == kept(lines)


def test_half_of_the_lines_are_of_the_beginning_and_half_of_the_end() -> None:
    lines = [(LogPlace(1, number), 1) for number in range(1, 3 * HALF + 1)]
    assert [place.number for place in beyond(lines)] == list(range(HALF + 1, 2 * HALF + 1))


def test_a_log_within_the_bounds_is_kept_whole() -> None:
    assert not beyond([(LogPlace(1, number), 64) for number in range(1, 2 * HALF + 1)])
