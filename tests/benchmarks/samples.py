from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.report import Column, Demand, Measure, Report, Row

COLUMNS = (Column("ticks/s", "more is better"), Column("late, ms"))


def sample(
    *,
    title: str = "Jobs due in one second",
    columns: Sequence[Column] = COLUMNS,
    demands: Sequence[Demand] = (),
    rival: str = "SAQ",
) -> Report:
    """Ours ran three rounds, a rival one."""
    ours = {"ticks/s": Measure((900.0, 1_000.0, 1_100.0)), "late, ms": Measure((2.0,))}
    rows = [
        Row("Cronfleet", {column.name: ours[column.name] for column in columns}, is_ours=True),
        Row(rival, {"ticks/s": Measure((100.0,))}),
    ]
    return Report(title, columns, rows, demands)
