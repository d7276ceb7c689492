"""What a long run came to, kept in `docs/results/`: the figures of the pages are made from it.

A result says what was run, on which source, and by which command, so that anybody can run it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
JUDGED_BY = ("src", "tests", "benchmarks")
"""A figure is worth as much as the product, and as the judge, that it was made with."""


@dataclass(frozen=True, slots=True)
class Result:
    """One campaign: `figures` are what the pages show, `command` is how they are had again."""

    name: str
    command: str
    took_s: float | None
    """None if it was cut off and gone on with."""
    figures: Mapping[str, Any]
    logs: Mapping[str, str]
    """The SHA-256 of what the figures were counted from, by file name."""


def keep(result: Result, folder: Path = RESULTS) -> Path:
    """Write it as `<folder>/<name>.json`, over the one before; `changed` is not empty if the
    source was not as it is committed, and such a result must not be."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_text(json.dumps(_with_source(result), indent=2, sort_keys=True) + "\n", "utf-8")
    return path


def sha256_of(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def changed() -> list[str]:
    """What differs from the commit, or is not in it: of the product, and of those who judge it."""
    lines = _git("status", "--porcelain", "--untracked-files=all", "--", *JUDGED_BY).splitlines()
    return sorted(line.split()[-1] for line in lines)


def _with_source(result: Result) -> dict[str, Any]:
    return {
        "name": result.name,
        "command": result.command,
        "took_s": result.took_s and round(result.took_s),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
        **COMMITTED,
        "changed": changed(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "figures": dict(result.figures),
        "logs": dict(result.logs),
    }


def _git(*words: str) -> str:
    """Empty outside a clone."""
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


COMMITTED = {"commit": _git("rev-parse", "HEAD"), "source": _git("rev-parse", "HEAD:src")}
"""As it was when the campaign began: another commit may be checked out before it ends. `source`
is the Git tree of `src/`, which tells one product from another."""
