"""What a benchmark says of what it measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks.measuring.keeping import keep_report, section
from benchmarks.measuring.printing import demanded, lines, page
from benchmarks.measuring.report import (
    Column,
    Demand,
    Measure,
    Report,
    Row,
    gate,
    goal,
    ratio,
    report_of,
    shown,
)
from benchmarks.measuring.rounds import Contestant, Options, UnavailableError, take_turns
from tests.benchmarks.samples import sample


def test_a_figure_is_the_median_of_its_rounds_however_one_of_them_went() -> None:
    assert Measure((9.0, 1_000.0, 10.0, 11.0, 10.0)).median == 10


def test_the_spread_is_half_of_what_lies_between_least_and_most() -> None:
    assert Measure((90.0, 100.0, 110.0)).spread == pytest.approx(0.1)
    assert Measure((100.0,)).spread == 0
    assert Measure((0.0, 0.0)).spread == 0


@pytest.mark.parametrize(
    ("demand", "verdict"),
    [
        (gate("fast", 10, at_least=10), "holds"),
        (gate("fast", 9.99, at_least=10), "MISSED"),
        (gate("small", 10, at_most=10), "holds"),
        (gate("small", 10.01, at_most=10), "MISSED"),
        (gate("fast", None, at_least=10), "not measured"),
        (goal("fast", 11, at_least=10), "met"),
        (goal("small", 11, at_most=10), "not met"),
    ],
)
def test_a_bound_itself_is_within_the_bound(demand: Demand, verdict: str) -> None:
    assert demand.verdict == verdict


def test_a_missed_gate_fails_a_report_and_nothing_else_does() -> None:
    missed, absent = gate("fast", 1, at_least=10), gate("fast", None, at_least=10)
    assert not sample(demands=[missed]).holds
    assert sample(demands=[absent, goal("fast", 1, at_least=10)]).holds


def test_a_demand_says_its_figure_and_its_bound() -> None:
    assert demanded(gate("as fast as SAQ", 11.5, at_least=10, unit="x")) == (
        "gate as fast as SAQ: 11.5x (at least 10x) holds"
    )
    assert demanded(goal("drained", 1_234, at_most=1_000, unit=" ms")) == (
        "goal drained: 1,234 ms (at most 1,000 ms) not met"
    )
    assert demanded(gate("as fast as arq", None, at_least=10)) == (
        "gate as fast as arq: - (at least 10) not measured"
    )


@pytest.mark.parametrize(
    ("figure", "text"),
    [(0.1234, "0.123"), (12.34, "12.3"), (123.4, "123"), (12_345.6, "12,346"), (3.0, "3")],
)
def test_a_figure_is_shown_with_three_digits_or_all_before_the_point(
    figure: float, text: str
) -> None:
    assert shown(figure) == text


def test_a_ratio_with_what_was_not_measured_is_none() -> None:
    assert ratio(3, 2) == 1.5
    assert ratio(None, 2) is ratio(2, None) is ratio(2, 0) is None


def test_the_table_has_a_line_for_each_and_a_dash_for_what_was_not_measured() -> None:
    head, ours, rival, *_ = lines(sample())
    assert head.split() == ["ticks/s", "late,", "ms"]
    assert ours.split() == ["Cronfleet", "1,000", "±10%", "2"]
    assert rival.split() == ["SAQ", "100", "-"]
    assert len({len(line) for line in (head, ours, rival)}) == 1


def test_the_pages_table_has_as_many_cells_in_each_row() -> None:
    table = [line for line in page(sample()) if line.startswith("|")]
    assert {line.count("|") for line in table} == {4}
    assert "**Cronfleet**" in table[2]


def test_a_report_is_read_back_from_its_file_as_it_was() -> None:
    report = sample(demands=[gate("fast", 1, at_least=10, unit="x"), goal("late", None, at_most=1)])
    told = json.loads(json.dumps(report.as_figures()))
    assert list(lines(report_of(told))) == list(lines(report))
    assert json.loads(json.dumps(report_of(told).as_figures())) == told


def test_a_kept_report_is_shown_with_its_picture_and_its_command(tmp_path: Path) -> None:
    keep_report("ticks", sample(), Options(), 12.3, tmp_path)
    keep_report("start", sample(columns=[Column("ticks/s")]), Options(3), 1, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "bench-ticks.json",
        "bench-ticks.svg",
        "bench-start.json",
    }
    shown_there = section(tmp_path)
    assert "](results/bench-ticks.svg)" in shown_there
    assert "](results/bench-start.svg)" not in shown_there
    assert "`python3 dev.py bench ticks --result`" in shown_there
    assert "`python3 dev.py bench start --rounds 3 --result`" in shown_there


def test_contestants_take_turns_and_who_cannot_be_had_is_asked_once() -> None:
    order: list[str] = []

    def once(name: str) -> Mapping[str, float]:
        order.append(name)
        if name == "absent":
            raise UnavailableError("no network")
        return {"ticks/s": float(len(order))}

    ours = Contestant("ours", lambda: once("ours"), is_ours=True)
    absent = Contestant("absent", lambda: once("absent"))
    rival = Contestant("rival", lambda: once("rival"))
    rows = take_turns([ours, absent, rival], 3)
    assert order == ["ours", "absent", "rival", "ours", "rival", "ours", "rival"]
    assert rows == [
        Row("ours", {"ticks/s": Measure((1.0, 4.0, 6.0))}, is_ours=True),
        Row("rival", {"ticks/s": Measure((3.0, 5.0, 7.0))}),
    ]


def test_a_report_without_rows_is_no_error() -> None:
    assert len(list(lines(Report("nothing", [Column("ticks/s")], [])))) == 1
