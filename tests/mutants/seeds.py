"""One process of the simulator: seeds are lived through until a rule is broken.

python -m tests.mutants.seeds SOURCE STORE SEED...

Prints how many seeds it took and the rule; nothing if all rules held.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import cronfleet
from tests.simulation.drawing import drawn
from tests.simulation.running import run


def main(source: str, store: str, *seeds: str) -> None:
    if Path(source) not in Path(cronfleet.__file__).parents:
        raise ImportError(f"cronfleet is imported from {cronfleet.__file__}, not from {source}")
    logging.disable(logging.CRITICAL)
    for count, seed in enumerate(seeds, start=1):
        if violation := run(drawn(int(seed), store)).violation:
            print(count, violation.rule)  # noqa: T201 - that is its answer
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
