"""`python -m cronfleet_verify.selftest [EVENTS]`: every planted fault, then as many clean events."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from cronfleet_verify.checking import Options, Verdict, check
from cronfleet_verify.reading import BadInputError, texts_of
from cronfleet_verify.report import as_text
from cronfleet_verify.selftest.clean import EFFECTS, HISTORY, history
from cronfleet_verify.selftest.corruptions import CORRUPTIONS
from cronfleet_verify.selftest.planting import Corruption
from cronfleet_verify.selftest.sample import TTL, Sample

EVENTS_A_DAY = 23_000
"""At least so many lines are told of each day."""


def found(corruption: Corruption) -> frozenset[str] | None:
    """The rules that are broken in a history with this fault; None if it cannot be read at all."""
    sample = Sample(corruption.job, corruption.days)
    corruption.spoil(sample)
    try:
        return frozenset(sample.verdict().findings.counts)
    except BadInputError:
        return None


def is_told(corruption: Corruption) -> bool:
    """Whether the checker says of this fault what it must, and nothing else."""
    return found(corruption) == (corruption.rules or None)


def written(folder: Path, seed: int, events: int) -> tuple[int, list[Path]]:
    """Writes so many lines, or a few more, in which all is well; answers how many, and where."""
    paths = {what: folder / what for what in (HISTORY, EFFECTS)}
    files = {what: path.open("w", encoding="ascii") for what, path in paths.items()}
    count = 0
    for what, line in history(seed, days=2 + events // EVENTS_A_DAY):
        files[what].write(json.dumps(line) + "\n")
        count += 1
    for file in files.values():
        file.close()
    return count, list(paths.values())


def judged(paths: Iterable[Path]) -> Verdict:
    """What the checker says of these files."""
    return check(((str(path), texts_of(str(path))) for path in paths), Options(ttl=TTL))


def main(events: int) -> int:
    """Answers the exit status."""
    missed = [each.name for each in CORRUPTIONS if not is_told(each)]
    for name in missed:
        sys.stdout.write(f"not told as it must be: {name}\n")
    sys.stdout.write(f"{len(CORRUPTIONS) - len(missed)} of {len(CORRUPTIONS)} faults found\n")
    with TemporaryDirectory() as folder:
        count, paths = written(Path(folder), 1, events)
        began = time.monotonic()
        verdict = judged(paths)
        took = time.monotonic() - began
    sys.stdout.write(f"{as_text(verdict)}{count} lines in {took:.1f} s\n")
    return 0 if verdict.is_clean and not missed else 1


if __name__ == "__main__":
    sys.exit(main(int((*sys.argv[1:], "1000000")[0])))
