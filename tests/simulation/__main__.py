"""`python3 dev.py simulate`: one seed or many, a fault script again."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from tests.results import Result, keep
from tests.simulation.batch import Totals, cores, run_all
from tests.simulation.case import Case, parse
from tests.simulation.drawing import drawn
from tests.simulation.ledger import Ledger
from tests.simulation.running import run
from tests.simulation.shrinking import shrunk
from tests.simulation.verdict import Verdict

LAST_LINES = 60


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    logging.disable(logging.CRITICAL)
    if options.seeds is not None or options.minutes is not None:
        return _run_many(options, options.seeds or fresh())
    text = options.faults.read_text("utf-8") if options.faults else ""
    case = parse(text) if text else drawn(options.seed, options.store)
    return _run_one(case, shrinks=not options.whole)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py simulate", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="one seed")
    parser.add_argument("--faults", type=Path, help="a fault script in the place of a seed's own")
    parser.add_argument("--seeds", type=_range, metavar="A:B", help="the seeds from A to below B")
    parser.add_argument(
        "--minutes", type=float, help="begin no seed later; without --seeds, seeds that are new"
    )
    parser.add_argument("--store", choices=("memory", "sqlite"), help="not the one that is drawn")
    parser.add_argument("--processes", type=int, default=cores())
    parser.add_argument("--whole", action="store_true", help="do not shrink what fails")
    parser.add_argument(
        "--ledger", type=Path, help="keep each verdict there, and pass over its seeds"
    )
    parser.add_argument("--result", action="store_true", help="keep what the ledger comes to")
    return parser


def _range(text: str) -> range:
    first, _, last = text.partition(":")
    return range(int(first), int(last))


def fresh() -> Iterator[int]:
    """Seeds that nobody has lived through, which a failure names."""
    return count(time.time_ns())


def _run_many(options: argparse.Namespace, seeds: Iterable[int]) -> int:
    ledger = Ledger(options.ledger) if options.ledger else None
    known = ledger.verdicts if ledger else {}
    totals, began = Totals(), time.monotonic()
    verdicts = run_all(
        (seed for seed in seeds if seed not in known),
        options.store,
        processes=options.processes,
        minutes=options.minutes,
    )
    for verdict in verdicts:
        totals.add(verdict)
        if ledger:
            ledger.add(verdict)
        if verdict.violation:
            say(f"seed {verdict.seed}: {verdict.violation.rule}: {verdict.violation.how}")
            say(f"  python3 dev.py simulate --seed {verdict.seed}{_store(options.store)}")
    for line in totals.lines(time.monotonic() - began):
        say(line)
    if ledger and options.result:
        _keep(ledger)
    return 1 if totals.failed else 0


def _keep(ledger: Ledger) -> None:
    figures = ledger.figures()
    ranges = " ".join(f"--seeds {each}" for each in figures["ranges"])
    command = f"python3 dev.py simulate {ranges} --ledger FILE --result"
    result = Result("simulation", command, None, figures, {"histories": ledger.digest()})
    say(f"kept in {keep(result)}")


def _run_one(case: Case, *, shrinks: bool) -> int:
    verdict = run(case, keeps=True)
    if verdict.violation is None:
        say(f"seed {case.fleet.seed}: all rules hold, history {verdict.digest}")
        for line in _struck(verdict):
            say(line)
        return 0
    if shrinks:
        say("shrinking ...")
        case = shrunk(case, verdict.violation.rule, _told)
        verdict = run(case, keeps=True)
    _report(case, verdict)
    return 1


def _report(case: Case, verdict: Verdict) -> None:
    for line in verdict.lines[-LAST_LINES:]:
        say(line)
    say("\nThe fault script; `python3 dev.py simulate --faults FILE` lives through it again:\n")
    say(str(case))
    if verdict.violation:
        say(f"\n{verdict.violation.rule}: {verdict.violation.how}")


def _struck(verdict: Verdict) -> list[str]:
    return [f"  {kind} {on}: {count}" for (kind, on), count in sorted(verdict.struck.items())]


def _told(smaller: Case) -> None:
    say(f"  {len(smaller.faults)} faults, {len(smaller.jobs)} jobs")


def _store(store: str | None) -> str:
    return f" --store {store}" if store else ""


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - speaks to a person


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
