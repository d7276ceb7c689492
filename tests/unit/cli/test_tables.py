from __future__ import annotations

import io
import sys

import pytest

from cronfleet.cli.printing import print_table
from cronfleet.cli.tables import laid_out

HEADERS = ("JOB", "NEXT FIRE TIME", "PROGRAM", "STATE")
ROW = ("password-expiry", "2026-03-01T12:00:00Z", "password-expiry", "paused by anna: " + "no " * 9)


def lines(width: int | None) -> list[str]:
    return laid_out(HEADERS, [ROW], width, may_go=("PROGRAM",)).splitlines()


def test_where_there_is_room_a_row_is_a_line() -> None:
    assert len(lines(None)) == len(lines(200)) == 2


def test_the_last_column_is_folded_first() -> None:
    header, first, *others = lines(80)
    assert header.split() == ["JOB", "NEXT", "FIRE", "TIME", "PROGRAM", "STATE"]
    assert first.startswith("  ".join(ROW[:3]))
    assert others
    assert max(map(len, lines(80))) <= 80


def test_then_go_the_columns_that_may() -> None:
    header, first, *_ = lines(70)
    assert header.split() == ["JOB", "NEXT", "FIRE", "TIME", "STATE"]
    assert first.startswith("  ".join(ROW[:2]))
    assert max(map(len, lines(70))) <= 70


def test_where_there_is_no_room_each_row_is_a_list() -> None:
    assert lines(40) == [
        "JOB             password-expiry",
        "NEXT FIRE TIME  2026-03-01T12:00:00Z",
        "PROGRAM         password-expiry",
        f"STATE           {ROW[3].rstrip()}",
    ]


def test_wide_characters_take_the_room_that_they_take() -> None:
    assert laid_out(("A", "B"), [("李" * 10, "x" * 20)], 42).splitlines()[1].endswith("x" * 20)
    assert laid_out(("A", "B"), [("李" * 10, "x" * 20)], 41).splitlines()[0].startswith("A  李")


def test_a_table_is_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    print_table(HEADERS, [ROW])
    assert terminal.getvalue().startswith("JOB             password-expiry\nNEXT FIRE TIME  2026")
