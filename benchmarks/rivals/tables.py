"""The tables of the README and of docs/rivals.md, made from the result that was kept.

.venv/bin/python -m benchmarks.rivals.tables     # writes them anew
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.rivals.contestants import CONTESTANTS
from benchmarks.rivals.scenarios import SCENARIOS
from tests.docs.made import Made

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "docs" / "results" / "rivals.json"
BEGIN = "<!-- made by benchmarks/rivals/tables.py from docs/results/rivals.json -->\n"

Figures = Mapping[str, Any]


def small(figures: Figures) -> Iterator[str]:
    """For the README: ticks run 0 times / once / more than once."""
    yield from _head(["", *SCENARIOS, "late (p50)"])
    for name, row in _rows(figures).items():
        cells = [cell(row[scenario]) for scenario in SCENARIOS]
        yield _row([CONTESTANTS[name].label, *cells, _late(row["normal"])])


def whole(figures: Figures) -> Iterator[str]:
    """Of whatever scenarios there are: the cell, how late, and what ended by itself."""
    rows = _rows(figures)
    scenarios = list(next(iter(rows.values())))
    yield from _head(["", *scenarios])
    for name, row in rows.items():
        yield _row([CONTESTANTS[name].label, *(_full_cell(row[each]) for each in scenarios)])


def setup(figures: Figures) -> Iterator[str]:
    """Who took part: versions, store and settings."""
    yield from _head(["", "versions", "store", "settings"])
    for name, contestant in CONTESTANTS.items():
        pins = figures["versions"].get(name, {})
        versions = ", ".join(f"{package} {version}" for package, version in pins.items())
        store = figures["cells"][name]["normal"]["store"]
        yield _row([contestant.label, versions or "this clone", store, contestant.settings])


def reasons(figures: Figures) -> Iterator[str]:
    """Of each cell of ours with ticks that did not run: why, as the store has it on record."""
    for name, row in _rows(figures).items():
        for scenario, found in row.items():
            if found["reasons"]:
                told = ", ".join(f"{count} `{why}`" for why, count in found["reasons"].items())
                yield f"- {CONTESTANTS[name].label}, {scenario}: {told}"


def _rows(figures: Figures) -> dict[str, dict[str, Figures]]:
    """The cells in the order in which contestants and scenarios are declared."""
    cells = figures["cells"]
    return {
        name: {each: cells[name][each] for each in SCENARIOS if each in cells[name]}
        for name in CONTESTANTS
        if name in cells
    }


def cell(figures: Figures) -> str:
    text = f"{figures['never']}/{figures['once']}/{figures['more']}"
    return f"**{text}**" if figures["more"] else text


def _full_cell(figures: Figures) -> str:
    ended = figures["ended_and_restarted"]
    return f"{cell(figures)}, {_late(figures)}" + (f", {ended} ended" if ended else "")


def _late(figures: Figures) -> str:
    late_ms = figures["late_p50_ms"]
    return "-" if late_ms is None else f"{late_ms:,} ms"


def _head(words: list[str]) -> Iterator[str]:
    yield _row(words)
    yield "|" + "---|" * len(words)


def _row(words: list[str]) -> str:
    return "| " + " | ".join(words) + " |"


def _page(figures: Figures) -> Iterator[str]:
    yield from whole(figures)
    yield ""
    yield "Why ticks of Cronfleet did not run, as its store has it on record:"
    yield ""
    yield from reasons(figures)
    yield ""
    yield from setup(figures)


PAGES: Mapping[Path, Callable[[Figures], Iterator[str]]] = {
    ROOT / "README.md": small,
    ROOT / "docs" / "rivals.md": _page,
}


def made(page: Path) -> str:
    """What a page shows between its two marks; empty before there is any result."""
    if not RESULT.exists():
        return ""
    figures = json.loads(RESULT.read_text())["figures"]
    return "".join(f"{line}\n" for line in PAGES[page](figures))


def part(page: Path) -> Made:
    """Where the page shows it."""
    return Made(page, BEGIN)


def write() -> None:
    for page in PAGES:
        part(page).write(made(page))


if __name__ == "__main__":
    write()
