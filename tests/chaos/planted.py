"""Small histories that were made up, for the judge to judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.judging import Judgement, judge
from tests.chaos.store_clock import Off

TTL_MS = 3_000
HERE, THERE = "here:1", "here:2"


def effect(run: str, what: str, at: int, instance: str = HERE, attempt: int = 1) -> dict[str, Any]:
    return {
        "effect": what,
        "run": run,
        "at": at,
        "instance": instance,
        "attempt": attempt,
        "token": attempt,
    }


def lost(run: str, ended_at: int) -> dict[str, Any]:
    """What the store says of a run that was swept."""
    started_at = int(run.partition("@")[2])
    at = {"claimed_at": started_at, "started_at": started_at, "ended_at": ended_at}
    return {
        "line": "run",
        "run": run,
        "state": "lost",
        "attempt": 1,
        "token": 1,
        "shards": 1,
        "session": None,
        **at,
    }


def judged(
    folder: Path,
    effects: Sequence[dict[str, Any]],
    *,
    on_record: Sequence[dict[str, Any]] = (),
    stalls: Sequence[tuple[object, ...]] = (),
    store_was_off: Sequence[Off] = (),
) -> Judgement:
    """What is made of it: the log of effects, the last export, and what is known of the faults."""
    exports = [_written(folder / "history-001.jsonl", _export(on_record))] if on_record else []
    log = _written(folder / "effects.jsonl", effects)
    stood = _written(folder / "stalls.jsonl", stalls)
    return judge(exports, log, stood, ttl_ms=TTL_MS, store_was_off=store_was_off)


def _export(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    header = {
        "line": "header",
        "format": "cronfleet-history",
        "version": 1,
        "fleet": "default",
        "tzdata": "",
        "at": 1_000_000,
        "audit_after": 0,
    }
    return [header, *records, {"line": "end"}]


def _written(file: Path, lines: Sequence[object]) -> Path:
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file
