"""Histories in which all is well, made up from a seed: what a fleet would export and log.

Clock changes, misfires, overlaps, retries, losses, reruns, pauses, jitter, shards, triggers,
back-fills; instances whose clocks differ.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cronfleet_verify.definitions import Definition, from_export
from cronfleet_verify.fires import due, tzdata_version

Object = dict[str, Any]
Told = tuple[str, Object]
"""`history` or `effects`, and a line of it."""

DAY = 86_400_000
START = 1_772_323_200_000
"""March 2026 begins, in which the clocks change in America and Europe, and just after it elsewhere."""

HISTORY, EFFECTS = "history", "effects"
INSTANCES = ("anna:1", "anna:2", "bert:1")


@dataclass(frozen=True)
class Kind:
    """A job and what befalls it."""

    name: str
    schedule: Object
    options: Object = field(default_factory=dict[str, Any])
    takes: int = 900
    """How long a run takes at most, in ms."""
    fails: float = 0.0
    loses: float = 0.0
    off: float = 0.0
    """How often the fleet goes off for a while at one of its fire times."""
    mails: bool = False
    extra: float = 0.0
    """How often somebody triggers it."""
    pauses: bool = False


def _cron(expression: str, tz: str = "UTC", job: str = "") -> Object:
    named = {"job": job} if job else {}
    return {"kind": "cron", "expression": expression, "tz": tz, **named}


def _every(seconds: int) -> Object:
    return {"kind": "every", "interval_ms": seconds * 1000, "anchor_ms": 0}


RETRY: Object = {"attempts": 3, "first_ms": 2000, "factor": 2, "most_ms": 9000, "jitter": 0.1}

KINDS = (
    Kind("quick", _every(60)),
    Kind("nightly", _cron("30 2 * * *", "Europe/Berlin"), mails=True),
    Kind("walls", _cron("*/20 1-3 * * *", "America/New_York")),
    Kind("islands", _cron("15,45 0-4 * * *", "Australia/Lord_Howe")),
    Kind("hashed", _cron("H H * * *", job="hashed")),
    Kind("flaky", _every(120), {"retry": RETRY}, fails=0.2),
    Kind("again", _every(180), {"on_lost": "rerun"}, loses=0.1),
    Kind("mortal", _every(180), loses=0.1, mails=True),
    Kind("sleepy", _every(300), off=0.05),
    Kind("slow", _every(60), takes=150_000),
    Kind("crowd", _every(60), {"overlap": "allow"}, takes=150_000),
    Kind("pair", _every(60), {"max_active": 2}, takes=110_000),
    Kind("spread", _every(600), {"jitter_ms": 30_000}),
    Kind("parts", _every(900), {"shards": 4}, fails=0.05),
    Kind("asked", _every(1200), extra=0.3),
    Kind("resting", _every(300), pauses=True),
)


class Fleet:
    """What all jobs share: tokens, and the instances with their clocks."""

    def __init__(self, seed: int) -> None:
        self.rng: random.Random = random.Random(seed)  # noqa: S311 - it is to be the same each time
        self._token = 1_800_000_000_000_000
        self._off = {each: self.rng.randint(-300, 300) for each in INSTANCES}

    def token(self) -> int:
        self._token += self.rng.randint(1, 5)
        return self._token

    def instance(self) -> str:
        return self.rng.choice(INSTANCES)

    def wall(self, instance: str, at: int) -> int:
        """What the clock of an instance shows."""
        return at + self._off[instance]


def history(seed: int, days: int, only: str = "") -> Iterator[Told]:
    """All that is exported and logged of a fleet, or of one job of it, in so many days."""
    fleet = Fleet(seed)
    end = START + days * DAY
    yield HISTORY, header(end)
    yield HISTORY, {"line": "instance", "session": "0" * 32, "label": "anna:1"}
    audit: list[Object] = []
    for kind in KINDS:
        if only in {"", kind.name}:
            yield from _Job(fleet, kind, audit).lines(end)
    for order in audit:
        yield HISTORY, order
    yield HISTORY, {"line": "end", "lines": 0}


def header(at: int) -> Object:
    """The first line of an export."""
    return {
        "line": "header",
        "format": "cronfleet-history",
        "version": 1,
        "cronfleet": "0",
        "tzdata": tzdata_version(),
        "fleet": "default",
        "store_id": "1" * 32,
        "epoch": 1,
        "at": at,
        "audit_after": -1,
    }


class _Job:
    """One job, tick by tick."""

    def __init__(self, fleet: Fleet, kind: Kind, audit: list[Object]) -> None:
        self._fleet = fleet
        self._kind = kind
        self._name = kind.name
        self._audit = audit
        self._raw = {"name": kind.name, "schedule": kind.schedule, **kind.options}
        made = from_export(self._raw)
        assert made is not None  # noqa: S101 - it stands above
        self._definition: Definition = made
        self._at_work: list[int] = []
        self._gap: Object | None = None
        self._off_until = self._paused_until = self._free_at = 0
        self._watermark = self._since = -1
        self._generation = 1

    def lines(self, end: int) -> Iterator[Told]:
        """From the start to the end, where all has ended."""
        for fire_time in self._definition.schedule.fires(START, end - DAY // 2):
            self._since = fire_time if self._since < 0 else self._since
            yield from self._tick(fire_time)
            self._watermark = fire_time
        yield from self._close_gap()
        yield HISTORY, self._record(end)

    def _record(self, end: int) -> Object:
        return {
            "line": "job",
            "at": end,
            "job": self._name,
            "generation": self._generation,
            "digest": "d" * 32,
            "watermark": self._watermark,
            "since": self._since,
            "whole_after": -1,
            "definition": self._raw,
        }

    def _tick(self, fire_time: int) -> Iterator[Told]:
        reason = self._reason(fire_time)
        if reason:
            yield from self._skip(fire_time, reason)
            return
        yield from self._close_gap()
        yield from self._run(fire_time, 0, self._due(fire_time))
        if self._fleet.rng.random() < self._kind.extra:
            at = max(fire_time + 60_000, self._free_at + 10)
            yield from self._run(at, 1, at)
            yield from self._run(fire_time, 2, max(at + 30_000, self._free_at + 10))

    def _due(self, fire_time: int) -> int:
        definition = self._definition
        return due(definition.schedule, self._name, fire_time, definition.jitter)

    def _reason(self, fire_time: int) -> str:
        """Why no run is made of a fire time; empty if one is."""
        rng = self._fleet.rng
        if fire_time < self._paused_until:
            return "paused"
        if self._paused_until:
            self._order(self._paused_until, "resume")
            self._paused_until = 0
        if fire_time < self._off_until:
            return "misfire"
        if rng.random() < self._kind.off:
            self._off_until = fire_time + rng.randint(1, 40) * 300_000
        if self._kind.pauses and rng.random() < 0.02:
            self._order(fire_time + 100_000, "pause")
            self._paused_until = fire_time + rng.randint(400_000, 4_000_000)
        self._at_work = [each for each in self._at_work if each > fire_time + 100]
        limit = self._definition.limit
        return "overlap" if limit and len(self._at_work) >= limit else ""

    def _order(self, at: int, verb: str) -> None:
        self._generation += 1
        self._audit.append({"line": "audit", "at": at, "verb": verb, "job": self._name, "who": "i"})

    def _skip(self, fire_time: int, reason: str) -> Iterator[Told]:
        gap = self._gap
        if gap and gap["reason"] == reason:
            gap["last"], gap["count"] = fire_time, min(gap["count"] + 1, 10_001)
            return
        yield from self._close_gap()
        self._gap = {
            "line": "gap",
            "at": fire_time + 1000,
            "job": self._name,
            "first": fire_time,
            "last": fire_time,
            "count": 1,
            "reason": reason,
            "generation": self._generation,
        }

    def _close_gap(self) -> Iterator[Told]:
        if self._gap is not None:
            yield HISTORY, self._gap
        self._gap = None

    # --- runs

    def _run(self, fire_time: int, number: int, at: int) -> Iterator[Told]:
        name = f"{self._name}@{fire_time}" + (f"+{number}" if number else "")
        shards = self._definition.shards
        if shards == 1:
            yield from self._attempts(name, at, 1)
        else:
            worst = "succeeded"
            for shard in range(shards):
                for what, line in self._attempts(f"{name}/{shard}", at, shards):
                    worst = "failed" if line.get("state") == "failed" else worst
                    yield what, line
            yield HISTORY, run_line(name, worst, at, self._free_at, shards=shards)
        self._at_work.append(self._free_at)

    def _attempts(self, name: str, at: int, shards: int) -> Iterator[Told]:
        rng, attempt, state = self._fleet.rng, 1, "lost"
        while True:
            token, instance = self._fleet.token(), self._fleet.instance()
            started = at + rng.randint(3, 60)
            ended = started + rng.randint(5, max(10, self._kind.takes))
            about = {"run": name, "attempt": attempt, "token": token, "instance": instance}
            yield self._effect("began", about, started + 1)
            is_lost = rng.random() < self._kind.loses
            if self._kind.mails and not is_lost:
                yield self._effect("did", {**about, "key": f"mail of {name}"}, ended - 2)
            if is_lost and self._definition.on_lost != "rerun":
                ended, state = started + 14_000, "lost"
                break
            if is_lost and attempt < 3:
                at, attempt = started + 14_000, attempt + 1
                continue
            is_failed = rng.random() < self._kind.fails
            state = "failed" if is_failed else "succeeded"
            yield self._effect("ended", {**about, "outcome": state}, ended)
            if not is_failed or attempt >= self._definition.attempts:
                break
            at, attempt = ended + 2000, attempt + 1
        self._free_at = max(self._free_at, ended)
        made = run_line(name, state, started, ended, shards=shards)
        yield HISTORY, {**made, "attempt": attempt, "token": token, "instance": instance}

    def _effect(self, effect: str, about: Object, at: int) -> Told:
        wall = self._fleet.wall(about["instance"], at)
        return EFFECTS, {"effect": effect, "fleet": "default", **about, "at": wall}


def run_line(name: str, state: str, started: int, ended: int, *, shards: int = 1) -> Object:
    """A run as an export has it."""
    return {
        "line": "run",
        "run": name,
        "state": state,
        "attempt": 1,
        "token": 0,
        "started_at": started,
        "claimed_at": started,
        "ended_at": ended,
        "session": None,
        "shards": shards,
    }
