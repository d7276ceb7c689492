"""`cronfleet verify` and `python -m cronfleet_verify`: exit status 0 clean, 1 findings, 2 bad input."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cronfleet_verify.checking import Options, check
from cronfleet_verify.definitions import by_hand
from cronfleet_verify.findings import RULES
from cronfleet_verify.reading import BadInputError, texts_of
from cronfleet_verify.report import as_json, as_text


def main(arguments: Sequence[str] | None = None, prog: str = "python -m cronfleet_verify") -> int:
    """Check files, print what came of it; answers the exit status."""
    asked = _parser(prog).parse_args(arguments)
    try:
        options = Options(
            given=by_hand(asked.schedules) if asked.schedules else {},
            tolerance=round(asked.clock_tolerance * 1000),
            ttl=round(asked.session_ttl * 1000),
            ignored=asked.ignore,
            most=asked.most,
        )
        verdict = check(((file, texts_of(file)) for file in asked.files), options)
    except BadInputError as error:
        sys.stderr.write(f"{prog}: {error}\n")
        return 2
    sys.stdout.write(as_json(verdict) + "\n" if asked.json else as_text(verdict))
    return 0 if verdict.is_clean else 1


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Check what a fleet did: exports of its history (cronfleet runs --export), logs "
        "of the effects of its handlers, or both. It finds: " + ", ".join(RULES) + ".",
        epilog="Exit status: 0 nothing was found, 1 something was, 2 an input cannot be read.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="an export or a log; - is stdin")
    parser.add_argument(
        "--schedules", metavar="FILE", help="schedules of the jobs, written by hand (TOML or JSON)"
    )
    parser.add_argument(
        "--clock-tolerance",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="by how much the clocks of those who wrote the logs may differ (1)",
    )
    parser.add_argument(
        "--session-ttl",
        type=float,
        default=0,
        metavar="SECONDS",
        help="the sessions' TTL: no lost run is started again sooner than two thirds of it",
    )
    parser.add_argument(
        "--ignore", action="append", default=[], choices=list(RULES), metavar="RULE"
    )
    parser.add_argument(
        "--most", type=int, default=20, metavar="N", help="how many of each rule are shown (20)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser
