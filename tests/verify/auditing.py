"""Files for the checker, made of objects."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cronfleet_verify.checking import Options, Verdict, check
from cronfleet_verify.reading import texts_of

Object = dict[str, Any]
MINUTE = 60_000
NOON = 1_800_000_000_000  # A whole minute.
EVERY_MINUTE: Object = {"kind": "every", "interval_ms": MINUTE, "anchor_ms": 0}


def write(path: Path, lines: Iterable[Object]) -> Path:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def audit(*paths: Path, **options: Any) -> Verdict:
    return check(((str(path), texts_of(str(path))) for path in paths), Options(**options))


def broken(verdict: Verdict) -> dict[str, int]:
    return dict(verdict.findings.counts)


# --- an export, line by line ----------------------------------------------------------------------


def header(at: int, **more: Any) -> Object:
    line: Object = {"line": "header", "format": "cronfleet-history", "version": 1}
    return {**line, "fleet": "default", "tzdata": "any", "at": at, "audit_after": -1, **more}


def job(at: int, ticks: int, **more: Any) -> Object:
    """Job `report` after so many ticks, one each minute from noon."""
    return {
        "line": "job",
        "at": at,
        "job": "report",
        "generation": 1,
        "digest": "one",
        "since": NOON,
        "watermark": NOON + (ticks - 1) * MINUTE,
        "whole_after": -1,
        "definition": {"name": "report", "schedule": EVERY_MINUTE},
        **more,
    }


def run(number: int, **more: Any) -> Object:
    """The run of the tick of that number, from 0."""
    at = NOON + number * MINUTE
    line: Object = {"line": "run", "run": f"report@{at}", "state": "succeeded", "attempt": 1}
    times = {"claimed_at": at, "started_at": at + 5, "ended_at": at + 50}
    return {**line, "token": 1000 + number, "session": None, "shards": 1, **times, **more}


END: Object = {"line": "end", "lines": 0}


def export(at: int, *lines: Object, **more: Any) -> list[Object]:
    return [header(at, **more), *lines, END]


def began(number: int, **more: Any) -> Object:
    at = NOON + number * MINUTE
    line: Object = {"effect": "began", "run": f"report@{at}", "attempt": 1, "token": 1000 + number}
    return {**line, "instance": "anna:1", "at": at + 6, **more}
