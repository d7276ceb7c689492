"""`python3 dev.py mutants`: faults planted in the product, and who finds them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.mutants.faults import FAMILIES
from tests.mutants.hunting import Hunted, hunted
from tests.mutants.mutant import Mutant
from tests.mutants.report import figures_of, logs, row_of, told, with_kept
from tests.results import Result, keep


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    wanted = {
        mutant.name: family
        for family, mutants in FAMILIES.items()
        for mutant in mutants
        if options.only == family or (options.only not in FAMILIES and options.only in mutant.name)
    }
    began = time.monotonic()
    found: list[Hunted] = []
    for each in _hunt(
        [m for of in FAMILIES.values() for m in of if m.name in wanted], options.at_once
    ):
        found.append(each)
        say(told(each))
    alive = sum(not each.kills for each in found)
    say(f"{len(found) - alive} of {len(found)} mutants found in {time.monotonic() - began:.0f} s")
    if options.result:
        took_s = None if options.only else time.monotonic() - began
        rows = [row_of(each, wanted) for each in found]
        figures = figures_of(with_kept(rows) if options.only else rows)
        say(str(keep(Result("mutants", "python3 dev.py mutants", took_s, figures, logs()))))
    return 1 if alive else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py mutants", description=__doc__)
    parser.add_argument("--only", default="", help="a family, or what a mutant's name holds")
    parser.add_argument("--at-once", type=int, default=os.cpu_count() or 1, help="so many hunts")
    parser.add_argument(
        "--result",
        action="store_true",
        help="write docs/results/mutants.json; with --only, go on with what is kept of this source",
    )
    return parser


def _hunt(mutants: Sequence[Mutant], at_once: int) -> Iterator[Hunted]:
    """In their order. The hunters are processes of their own, so threads are enough."""
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(hunted, mutants)


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - speaks to a person


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
