"""Reports in docs/results/, and the part of docs/benchmarks.md that shows them.

python3 dev.py figures     # writes that part anew
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measuring.plot import plot
from benchmarks.measuring.printing import page
from benchmarks.measuring.report import Report, report_of
from benchmarks.measuring.rounds import ROUNDS, Options
from tests.docs.made import Made
from tests.results import RESULTS, ROOT, Result, keep

PREFIX = "bench-"
PAGE = ROOT / "docs" / "benchmarks.md"
MADE = Made(PAGE, "<!-- made by benchmarks/measuring/keeping.py from docs/results -->\n")


def keep_report(
    name: str, report: Report, options: Options, took_s: float, folder: Path = RESULTS
) -> None:
    """As `bench-NAME.json` and `bench-NAME.svg`, over those before."""
    rounds = "" if options.rounds == ROUNDS else f" --rounds {options.rounds}"
    command = f"python3 dev.py bench {name}{rounds} --result"
    kept = keep(Result(PREFIX + name, command, took_s, report.as_figures(), {}), folder)
    if drawn := plot(report):
        kept.with_suffix(".svg").write_text(drawn, "utf-8")


def section(folder: Path = RESULTS) -> str:
    """What the page shows: each kept report with its picture, and how it is had again."""
    kept = sorted(folder.glob(f"{PREFIX}*.json"))
    return "".join(f"{line}\n" for path in kept for line in _shown(path))


def _shown(path: Path) -> Iterator[str]:
    result = json.loads(path.read_text("utf-8"))
    report = report_of(result["figures"])
    name = path.stem.removeprefix(PREFIX)
    yield ""
    yield f"### {name}"
    yield ""
    yield f"{report.title}. {' '.join(f'{each}.' for each in report.about)}"
    yield ""
    yield from page(report)
    yield ""
    picture = path.with_suffix(".svg")
    if picture.exists():
        yield f"![{report.title}](results/{picture.name})"
        yield ""
    yield (
        f"Commit `{result['commit'][:10]}`, {result['cores']} cores, Python {result['python']}; "
        f"`{result['command']}`."
    )


if __name__ == "__main__":
    MADE.write(section())
