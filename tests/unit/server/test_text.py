from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.server.text import one_line, printable


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://evil.example\x1b\\link", "link"),
        ("\x9b2Jgone", "gone"),
        ("\x1b", ""),
        ("a\x00b\x07c\x7fd\x85e", "abcde"),
        ("over\rwritten", "overwritten"),
        ("lines\r\nand\n\ttabs", "lines\nand\n\ttabs"),
        ("\u202egnp.exe", "gnp.exe"),
        ("half \ud83d a character", "half  a character"),
        ("Zoë 李小龍 👩‍👩‍👧", "Zoë 李小龍 👩‍👩‍👧"),
    ],
)
def test_what_is_not_for_reading_is_left_out(written: str, shown: str) -> None:
    assert printable(written) == shown


@given(st.text(st.characters(codec=None)))
def test_whatever_is_shown_can_be_written_and_moves_no_cursor(text: str) -> None:
    shown = printable(text)
    assert not set(shown) & {"\x1b", "\x9b", "\r", "\x00", "\u202e"}
    assert printable(shown) == shown
    assert "\n" not in one_line(text)
    shown.encode()
