"""Run the benchmarks: each module here with a `measure` is one.

    python3 dev.py bench [NAME ...] [--rounds N] [--small] [--result]

All, or the named ones; it fails when a gate is missed. `rivals` takes half an hour and arguments of
its own, so it runs only when it is named, first.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
import time
from pathlib import Path

from benchmarks.measuring.keeping import keep_report
from benchmarks.measuring.printing import lines
from benchmarks.measuring.report import Report
from benchmarks.measuring.rounds import ROUNDS, Options


def available() -> list[str]:
    modules = sorted(Path(__file__).parent.glob("[!_]*.py"))
    return [module.stem for module in modules if "\ndef measure(" in module.read_text()]


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["rivals"]:
        from benchmarks.rivals.running import main as run_rivals

        return run_rivals(arguments[1:])
    parser = _parser()
    asked = parser.parse_args(arguments)
    if unknown := set(asked.names) - set(available()):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    logging.basicConfig(level=logging.ERROR)
    options = Options(1 if asked.small else asked.rounds, asked.small)
    held = [_run(name, options, keeps=asked.result) for name in asked.names or available()]
    return 0 if all(held) else 1


def _run(name: str, options: Options, *, keeps: bool) -> bool:
    """Whether all gates hold."""
    print(f"== {name}", flush=True)
    began = time.monotonic()
    report: Report = importlib.import_module(f"benchmarks.{name}").measure(options)
    print("\n".join(lines(report)), flush=True)
    if keeps:
        keep_report(name, report, options, time.monotonic() - began)
    return report.holds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 dev.py bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(available()))
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--small", action="store_true", help="one round of little: does all work?")
    sizes.add_argument("--result", action="store_true", help="keep it in docs/results/")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
