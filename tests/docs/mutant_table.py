"""The table in docs/mutants.md, made from the result of the last hunt.

python3 dev.py mutants --result                    # hunts, and keeps the result
python3 dev.py figures                             # writes the table anew
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.docs.made import Made
from tests.mutants.faults.equivalent import EQUIVALENT
from tests.results import RESULTS, ROOT
from tests.simulation import effects
from tests.simulation.rules import RULES
from tests.simulation.wellness import AGAIN_WELL, DRAINED

PAGE = ROOT / "docs" / "mutants.md"
RESULT = RESULTS / "mutants.json"
MADE = Made(PAGE, "<!-- made by tests/docs/mutant_table.py from docs/results/mutants.json -->\n")
_CELL = re.compile(r"test_a_store_answers_and_changes_what_the_table_says_and_nothing_else\[(.+)]")


def result() -> Mapping[str, Any]:
    return json.loads(RESULT.read_text("utf-8"))


def table() -> str:
    """The counts, every mutant, and those that are none."""
    figures = result()["figures"]
    parts = (_counts(figures), _rows(figures), _untried(figures), _equivalent())
    return "\n".join(["", *(line for part in parts for line in (*part, "")), ""])


def _counts(figures: Mapping[str, Any]) -> Iterator[str]:
    yield f"{figures['found']} of {figures['mutants']} mutants are found."
    yield (
        f"The simulator finds {figures['found_by_simulator']} of them, half of these within "
        f"{figures['median_seeds_until_found']:g} seeds and the last after "
        f"{figures['most_seeds_until_found']}; tests find {figures['found_by_tests']}."
    )
    yield (
        f"Of {figures['shown_by_models']} the models show what goes wrong without the decision "
        "that the mutant takes away."
    )


def _rows(figures: Mapping[str, Any]) -> Iterator[str]:
    yield "| of | mutant | simulator: seeds, rule | tests | models |"
    yield "|---|---|---|---|---|"
    for row in figures["table"]:
        seeds = [kill for kill in row["found_by"] if kill["seeds"] is not None]
        tests = [kill for kill in row["found_by"] if kill["seeds"] is None]
        cells = [
            row["family"],
            row["name"],
            "; ".join(f"{kill['seeds']}, `{kill['what']}`" for kill in seeds),
            "; ".join(f"{kill['by']}: {_test(kill['what'])}" for kill in tests),
            ", ".join(f"`{name}`" for name in row["shown_by"]),
        ]
        yield f"| {' | '.join(cells)} |"


def _untried(figures: Mapping[str, Any]) -> Iterator[str]:
    """A rule that no mutant breaks may be one that finds nothing."""
    broken = {kill["what"] for row in figures["table"] for kill in row["found_by"]}
    rules = [rule.__name__ for rule in (*RULES, *AGAIN_WELL, *DRAINED)]
    untried = [name for name in (*rules, *effects.RULES) if name not in broken]
    yield "Each mutant is told of by the first rule of the simulator that it breaks."
    yield f"These {len(untried)} of its rules are not the first of any: "
    yield ", ".join(f"`{name}`" for name in untried) + "."


def _test(name: str) -> str:
    """Most of the suite's tests are cells of the tables in conformance.md."""
    cell = _CELL.fullmatch(name)
    return f"*{cell[1]}* in its table" if cell else f"`{name}`"


def _equivalent() -> Iterator[str]:
    yield "These change nothing that anybody could see, and are not counted:"
    yield ""
    for each, why in EQUIVALENT.items():
        yield f"- {each.name}: {why}."


if __name__ == "__main__" and RESULT.exists():
    MADE.write(table())
