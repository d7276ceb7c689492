"""`python3 dev.py chaos`: a fleet of real processes under faults, and a verdict."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.chaos import starvation
from tests.chaos.campaign import run
from tests.chaos.faults import FAULTS
from tests.chaos.outbox import main as outbox
from tests.chaos.postfix import main as postfix
from tests.chaos.rig import Settings
from tests.chaos.stores import STORES
from tests.chaos.telling import say
from tests.chaos.verdict import ChaosVerdict, as_text
from tests.results import ROOT, Result, keep, sha256_of
from tests.servers import ServerUnavailableError

OTHERS: dict[str, Callable[[list[str]], int]] = {
    "--outbox": outbox.main,
    "--postfix": postfix.main,
    "--starvation": starvation.main,
}
"""Campaigns of their own, each with options of its own."""

EPILOG = "Others, with --help of their own: " + ", ".join(OTHERS)
VAR = ROOT / "var" / "chaos"
FOUND, CANNOT = 1, 2


def main(arguments: list[str]) -> int:
    for flag, campaign in OTHERS.items():
        if flag in arguments:
            return campaign([each for each in arguments if each != flag])
    options = _parser().parse_args(arguments)
    settings = Settings(
        options.store,
        options.seed,
        options.minutes * 60,
        options.instances,
        round(options.ttl * 1000),
    )
    kept = VAR / f"{settings.store}-{settings.seed}"
    say(f"{settings.store}, seed {settings.seed}: logs are kept in {kept}")
    try:
        verdict = run(settings, kept, say, options.only)
    except ServerUnavailableError as error:
        say(f"cannot run here: {error}")
        return CANNOT
    say(as_text(verdict))
    if options.result:
        say(f"kept as {keep_result(verdict, kept, options.minutes, options.only)}")
    return 0 if verdict.is_clean else FOUND


def keep_result(
    verdict: ChaosVerdict, kept: Path, minutes: float, only: Sequence[str] = ()
) -> Path:
    settings = verdict.settings
    again = f"--minutes {minutes:g} --store {settings.store} --seed {settings.seed}"
    logs = sha256_of(sorted(kept.glob("*.jsonl")))
    command = f"python3 dev.py chaos {again} --instances {settings.instances} "
    command += f"--ttl {settings.ttl_ms / 1000:g} --result"
    command += f" --only {' '.join(only)}" if only else ""
    name = f"chaos-{settings.store}"
    return keep(Result(name, command, verdict.took_s, verdict.figures, logs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py chaos", description=__doc__, epilog=EPILOG)
    parser.add_argument("--minutes", type=float, default=10, help="for how long faults strike")
    parser.add_argument("--store", choices=list(STORES), default="sqlite")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="of the schedule of faults"
    )
    parser.add_argument("--instances", type=int, default=4)
    parser.add_argument("--ttl", type=float, default=3, help="of their sessions, in seconds")
    parser.add_argument(
        "--only", nargs="+", default=(), choices=list(FAULTS), help="these kinds of faults alone"
    )
    parser.add_argument(
        "--result", action="store_true", help="keep the figures in docs/results, for the pages"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
