"""A simulated history before it happens: fleet, jobs and faults, as values and as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

Line = TypeVar("Line", bound="Fleet | Job | Fault")

NAMES = ("anna", "bert", "cora", "dora", "emil")
"""The instances."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What holds from the beginning to the end. Spans are in milliseconds."""

    seed: int = 0
    store: str = "memory"
    instances: int = 3
    ttl: int = 10_000
    poll: int = 1_000
    alarm: int = 1_000
    """How often the thread that renews asks the event loop for a sign of life."""
    drain: int = 25_000
    faulty: int = 1_500_000
    """How long faults strike; then all must become well."""
    latency: int = 3
    """How long a message is under way, at the most, when nothing is wrong."""
    hints_lost: float = 0.0
    drift: float = 0.0
    """By how much of the time the instances' clocks go wrong, at the most."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job in one of its editions. It fires whenever (t - phase) is a multiple of the period."""

    name: str
    edition: int = 0
    period: int = 60_000
    phase: int = 0
    cron: bool = False
    """Said by a cron expression; the period is whole minutes then."""
    on_lost: str = "abandon"
    overlap: str = "skip"
    max_active: int = 1
    misfire: str = "latest"
    grace: int = 3_600_000
    catch_up: int = 100
    retries: int = 0
    retry_after: int = 10_000
    timeout: int = 0
    jitter: int = 0
    shards: int = 1
    plain: bool = False
    takes: int = 1_000
    """How long its handler works, at the most."""
    fails: float = 0.0
    stubborn: bool = False
    """Its handler takes no notice when it is cancelled."""
    history: int = 20

    def fires(self, first: int, last: int) -> list[int]:
        """The fire times first <= t <= last."""
        start = first + (self.phase - first) % self.period
        return list(range(start, last + 1, self.period))

    def next_after(self, instant: int) -> int:
        return instant + 1 + (self.phase - instant - 1) % self.period


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, or is ordered, and when."""

    at: int
    kind: str
    who: str = ""
    """An instance, or of an order the job."""
    what: str = ""
    ms: int = 0


@dataclass(frozen=True, slots=True)
class Case:
    """All of it."""

    fleet: Fleet
    jobs: tuple[Job, ...]
    faults: tuple[Fault, ...]

    def lines(self) -> Iterator[str]:
        """As a person reads it, and `parse` too."""
        yield _line("fleet", self.fleet)
        yield from (_line("job", job) for job in self.jobs)
        yield from (_line("fault", fault) for fault in self.faults)

    def __str__(self) -> str:
        return "\n".join(self.lines())


def parse(text: str) -> Case:
    """What `lines` wrote; what follows a # is passed over."""
    case = Case(Fleet(), (), ())
    for line in text.splitlines():
        match line.partition("#")[0].split():
            case []:
                pass
            case ["fleet", *words]:
                case = replace(case, fleet=_read(Fleet, words))
            case ["job", *words]:
                case = replace(case, jobs=(*case.jobs, _read(Job, words)))
            case ["fault", *words]:
                case = replace(case, faults=(*case.faults, _read(Fault, words)))
            case other:
                raise ValueError(f"neither fleet nor job nor fault: {' '.join(other)}")
    return case


def _line(kind: str, line: Fleet | Job | Fault) -> str:
    return " ".join([kind, *(f"{name}={value}" for name, value in _told(line))])


def _told(line: Fleet | Job | Fault) -> Iterator[tuple[str, Any]]:
    for field in fields(line):
        value = getattr(line, field.name)
        if value != field.default:
            yield field.name, value


def _read(kind: type[Line], words: list[str]) -> Line:
    types = {field.name: field.type for field in fields(kind)}
    values: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        values[name] = _READERS[str(types[name])](value)
    return kind(**values)


_READERS = {"int": int, "float": float, "str": str, "bool": "True".__eq__}
