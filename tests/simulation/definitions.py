"""A job's definition as the store keeps it, read without the product's help."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.simulation.case import Job

_CRON = re.compile(r"(\d+)-59/(\d+) \* \* \* \*")


def job_of(text: str) -> Job:
    """What of it the rules go by."""
    raw: dict[str, Any] = json.loads(text)
    period, phase = _rhythm(raw["schedule"])
    return Job(
        name=raw["name"],
        period=period,
        phase=phase,
        on_lost=raw["on_lost"],
        jitter=raw["jitter_ms"],
    )


def _rhythm(schedule: dict[str, Any]) -> tuple[int, int]:
    if schedule["kind"] == "every":
        return schedule["interval_ms"], schedule["anchor_ms"]
    found = _CRON.fullmatch(schedule["expression"])
    assert found, schedule
    phase, period = map(int, found.groups())
    return 60_000 * period, 60_000 * phase
