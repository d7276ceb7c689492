from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.rivals.cells import Cell, count
from benchmarks.rivals.fleet import at_work
from benchmarks.rivals.reasons import reasons

NOON = 1_800_000_000_000
TICKS = 10


def told(number: int, late_ms: int = 5, **more: Any) -> dict[str, Any]:
    """A tick's run by a scheduler that tells its handler the fire time."""
    fire_time = NOON + number * 1000
    line = {"effect": "began", "job": "work", "fire_time": fire_time, "instance": "anna:1"}
    return {**line, "at": fire_time + late_ms, **more}


def untold(number: int, late_ms: int = 5, **more: Any) -> dict[str, Any]:
    return told(number, late_ms, **{"fire_time": None, **more})


def cell(folder: Path, lines: Iterable[dict[str, Any]]) -> Cell:
    log = folder / "log.jsonl"
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return count(log, NOON, TICKS)[0]


def test_what_ran_each_time_ran_once(tmp_path: Path) -> None:
    for kind in (told, untold):
        found = cell(tmp_path, [kind(number) for number in range(TICKS)])
        assert found == Cell(never=0, once=10, more=0, runs=10, late_p50_ms=5)


def test_a_tick_without_a_beginning_ran_never(tmp_path: Path) -> None:
    for kind in (told, untold):
        assert str(cell(tmp_path, [kind(number) for number in (0, 1, 2, 6, 7, 9)])) == "4/6/0"
    assert str(cell(tmp_path, [])) == "10/0/0"


def test_a_tick_that_began_three_times_counts_as_one_that_ran_more_than_once(
    tmp_path: Path,
) -> None:
    log = [told(number) for number in range(TICKS)]
    thrice = [*log, told(3, 300, instance="bert:1"), told(3, 600, instance="cora:1")]
    found = cell(tmp_path, thrice)
    assert (str(found), found.runs, found.late_p50_ms) == ("0/9/1", 12, 5)


def test_a_second_run_counts_however_much_later_it_is(tmp_path: Path) -> None:
    log = [told(number) for number in range(TICKS)]
    assert str(cell(tmp_path, [*log, told(3, 60_300, instance="bert:1")])) == "0/9/1"


def test_one_late_run_for_many_ticks_is_the_run_of_one(tmp_path: Path) -> None:
    log = [told(number) for number in (0, 1, 8, 9)]
    latest = [*log, told(7, 200)]
    oldest = [*log, told(2, 5_200)]
    assert str(cell(tmp_path, latest)) == str(cell(tmp_path, oldest)) == "5/5/0"


def test_who_catches_up_run_by_run_has_missed_nothing(tmp_path: Path) -> None:
    log = [told(number) for number in (0, 1, 8, 9)]
    caught_up = [told(number, 8_000 - number * 1000) for number in range(2, 8)]
    assert str(cell(tmp_path, [*log, *caught_up])) == "0/10/0"


def test_a_clock_that_is_ahead_makes_no_run_that_of_the_tick_before(tmp_path: Path) -> None:
    log = [untold(number, -300) for number in range(TICKS)]
    assert str(cell(tmp_path, log)) == "0/10/0"
    late = [untold(number, 550) for number in range(TICKS)]
    assert str(cell(tmp_path, late)) == "0/10/0"


def test_what_ran_before_the_first_tick_and_after_the_last_is_not_counted(tmp_path: Path) -> None:
    for kind in (told, untold):
        log = [kind(number) for number in range(-5, TICKS + 5)]
        found = cell(tmp_path, [*log, kind(-2, 300), kind(TICKS + 2, 300)])
        assert (str(found), found.runs) == ("0/10/0", 10)


def test_a_line_that_was_cut_off_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [json.dumps(told(number)) for number in range(TICKS)]
    log.write_text("\n".join(lines) + '\n{"effect": "be')
    assert str(count(log, NOON, TICKS)[0]) == "0/10/0"
    assert at_work(log) == {"anna"}


def test_a_tick_of_ours_that_did_not_run_has_the_reason_that_is_on_record(tmp_path: Path) -> None:
    log, history = tmp_path / "log.jsonl", tmp_path / "history.jsonl"
    log.write_text("".join(f"{json.dumps(told(number))}\n" for number in (0, 1, 7, 8, 9)))
    gap = {"line": "gap", "first": NOON - 5_000, "last": NOON - 1_000, "reason": "misfire"}
    run = {"line": "run", "state": "lost", "reason": None}
    lines: list[dict[str, Any]] = [
        gap,
        {**gap, "first": NOON + 2_000, "last": NOON + 4_000, "reason": "overlap"},
        {**run, "run": f"work@{NOON + 1_000}"},
        {**run, "run": f"work@{NOON + 5_000}"},
        {**run, "run": f"work@{NOON + 6_000}", "state": "skipped", "reason": "by_hand"},
    ]
    history.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert reasons(history, log, NOON, TICKS) == {"overlap": 3, "lost": 1, "by_hand": 1}


def test_who_is_at_work_is_told_by_the_newest_line_of_each_process(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    ended = {"effect": "ended", "outcome": "succeeded"}
    lines = [
        told(0),
        told(0, 300, **ended),
        told(1, instance="bert:7"),
        told(2, instance="cora:7"),
        told(2, 300, instance="cora:7", **ended),
        told(2, instance="cora:8"),
    ]
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert at_work(log) == {"bert", "cora"}
