"""A job's policies in words, from its definition as it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cronfleet.server.pages.rendering import span


def policies_of(definition: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What each is called, and what it says; only those that say something of this job."""
    told = {
        "Overlap": _overlap(definition),
        "Misfire": f"{definition['misfire']}, within {_span(definition['misfire_grace_ms'])}",
        "When lost": str(definition["on_lost"]),
        "Retry": _retry(definition["retry"]),
        "Time limit": _span(definition["timeout_ms"]) if definition["timeout_ms"] else "none",
        "Jitter": _span(definition["jitter_ms"]) if definition["jitter_ms"] else "",
        "Shards": str(definition["shards"]) if definition["shards"] > 1 else "",
        "Arguments": json.dumps(definition["args"]) if definition["args"] else "",
    }
    return [(name, said) for name, said in told.items() if said]


def _overlap(definition: Mapping[str, Any]) -> str:
    limit = definition["max_active"]
    return f"{definition['overlap']}" + (f", {limit} at a time" if limit > 1 else "")


def _retry(retry: Mapping[str, Any] | None) -> str:
    if retry is None:
        return "none"
    return f"{retry['attempts']} attempts, the second after {_span(retry['first_ms'])}"


def _span(length_ms: int) -> str:
    return span(timedelta(milliseconds=length_ms))
