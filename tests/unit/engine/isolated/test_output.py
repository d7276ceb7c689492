from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.engine.isolated.output import Output


def output(*pieces: bytes, kept_bytes: int = 10) -> Output:
    kept = Output(kept_bytes)
    for piece in pieces:
        kept.take(piece)
    return kept


def test_what_is_short_is_kept_whole() -> None:
    kept = output(b"no ", b"paper\n")
    assert (kept.text(), kept.dropped) == ("no paper\n", 0)


def test_of_what_is_long_the_head_and_the_tail_are_kept_and_the_rest_is_counted() -> None:
    kept = output(b"the first\n", b"-" * 5_000, b"\nthe last\n")
    assert kept.text() == "the first\n[... 5,000 bytes dropped ...]\nthe last\n"


@given(pieces=st.lists(st.binary(max_size=30)), kept_bytes=st.integers(1, 20))
def test_nothing_is_dropped_uncounted_and_no_more_is_kept_than_twice_the_bound(
    pieces: list[bytes], kept_bytes: int
) -> None:
    whole = b"".join(pieces)
    kept = output(*pieces, kept_bytes=kept_bytes)
    assert kept.dropped == max(0, len(whole) - 2 * kept_bytes)
    assert whole.startswith(bytes(kept._head))
    assert whole.endswith(bytes(kept._tail))
    assert len(kept._head) + len(kept._tail) + kept.dropped == len(whole)


def test_a_flood_is_not_held_in_memory() -> None:
    kept = output(*[b"x" * 65_536] * 100, kept_bytes=1_000)
    assert len(kept._tail) <= 65_536 + 2_000


@pytest.mark.parametrize(
    ("pieces", "characters", "last"),
    [
        ([b"short\n"], 20, "short"),
        ([b"one\ntwo\nthree\n"], 9, "...three"),
        ([b"0123456789"], 4, "...6789"),
        ([b"x" * 100, b"\nend\n"], 8, "...end"),
        ([], 8, ""),
    ],
)
def test_its_end_is_shown_from_the_beginning_of_a_line(
    pieces: list[bytes], characters: int, last: str
) -> None:
    assert output(*pieces).last(characters) == last


def test_what_is_no_text_is_shown_all_the_same() -> None:
    assert output(b"\0\xff").text() == 2 * "\N{REPLACEMENT CHARACTER}"
