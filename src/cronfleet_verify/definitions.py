"""What a job was meant to do: its schedule and its policies, from an export or written by hand."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cronfleet_verify.expression import ExpressionError, read
from cronfleet_verify.fires import At, Cron, Every, Schedule, zone
from cronfleet_verify.reading import BadInputError, instant

ALWAYS = 1 << 53
"""Later than any instant; its negative is earlier."""

_LOSSES_ALLOWED = 2


@dataclass(frozen=True, slots=True)
class Definition:
    """A job's schedule, and how often and how many of its runs may be started."""

    job: str
    schedule: Schedule
    zoned: bool
    """Its fire times depend on the rules of a time zone."""
    on_lost: str = "abandon"
    limit: int = 1
    """How many of its runs may be at work at once; 0 is any number."""
    attempts: int = 1
    """After so many no failed attempt is followed by another."""
    timeout: int | None = None
    jitter: int = 0
    shards: int = 1

    @property
    def most_attempts(self) -> int:
        """With `rerun`, two losses in a row are followed by another attempt each."""
        return self.attempts + (_LOSSES_ALLOWED if self.on_lost == "rerun" else 0)


@dataclass(frozen=True, slots=True)
class Given:
    """A definition written by hand, and from when to when the word of its writer holds."""

    definition: Definition
    after: int
    until: int


def from_export(raw: Mapping[str, Any]) -> Definition | None:
    """What the store had; None for a schedule of a kind that is not known here."""
    schedule = _schedule(raw["schedule"])
    if schedule is None:
        return None
    retry: dict[str, Any] = raw.get("retry") or {}
    overlap = raw.get("overlap", "skip")
    return Definition(
        job=str(raw["name"]),
        schedule=schedule,
        zoned=raw["schedule"].get("tz", "UTC") != "UTC",
        on_lost=str(raw.get("on_lost", "abandon")),
        limit=0 if overlap == "allow" else int(raw.get("max_active", 1)),
        attempts=int(retry.get("attempts", 1)),
        timeout=raw.get("timeout_ms"),
        jitter=int(raw.get("jitter_ms", 0)),
        shards=int(raw.get("shards", 1)),
    )


def _schedule(raw: Mapping[str, Any]) -> Schedule | None:
    """Raises ValueError, KeyError for what no schedule can be."""
    match raw.get("kind"):
        case "cron":
            expression = read(str(raw["expression"]), str(raw.get("job", "")))
            return Cron(expression, zone(str(raw["tz"])))
        case "every":
            if raw["interval_ms"] < 1:
                raise ExpressionError("an interval is longer than nothing")
            return Every(int(raw["interval_ms"]), int(raw["anchor_ms"]))
        case "at":
            return At(int(raw["fire_time_ms"]))
        case _:
            return None


# --- by hand ------------------------------------------------------------------------------------

_SCHEDULE = frozenset({"cron", "tz", "every_s", "anchor", "at"})
_POLICY = frozenset(
    {"on_lost", "overlap", "max_active", "attempts", "timeout_s", "jitter_s", "shards"}
)
_KNOWN = _SCHEDULE | _POLICY | {"name", "fleet", "from", "until"}


def by_hand(path: str) -> dict[tuple[str, str], Given]:
    """The jobs in a TOML or JSON file, by fleet and name. Raises BadInputError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        raw = tomllib.loads(text) if path.endswith(".toml") else json.loads(text)
        return dict(map(_given, raw["job"]))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: it cannot be read: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{path}: {error if str(error) else repr(error)}") from None


def _given(raw: Mapping[str, Any]) -> tuple[tuple[str, str], Given]:
    if unknown := sorted(raw.keys() - _KNOWN):
        raise ValueError(f"a job has no {', '.join(unknown)}")
    name = str(raw["name"])
    definition = from_export(_as_exported(name, raw))
    if definition is None:
        raise ValueError(f"job {name!r} needs one of cron, every_s and at")
    after = instant(raw["from"]) - 1 if "from" in raw else -ALWAYS
    until = instant(raw["until"]) if "until" in raw else ALWAYS
    return (str(raw.get("fleet", "default")), name), Given(definition, after, until)


def _as_exported(name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "schedule": _schedule_as_exported(name, raw),
        "on_lost": raw.get("on_lost", "abandon"),
        "overlap": raw.get("overlap", "skip"),
        "max_active": raw.get("max_active", 1),
        "retry": {"attempts": raw.get("attempts", 1)},
        "timeout_ms": round(raw["timeout_s"] * 1000) if "timeout_s" in raw else None,
        "jitter_ms": round(raw.get("jitter_s", 0) * 1000),
        "shards": raw.get("shards", 1),
    }


def _schedule_as_exported(name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    if "cron" in raw:
        tz = raw.get("tz", "UTC")
        return {"kind": "cron", "expression": raw["cron"], "tz": tz, "job": name}
    if "every_s" in raw:
        interval, anchor = round(raw["every_s"] * 1000), instant(raw.get("anchor", 0))
        return {"kind": "every", "interval_ms": interval, "anchor_ms": anchor}
    return {"kind": "at", "fire_time_ms": instant(raw["at"])} if "at" in raw else {}
