"""What was seen of a fleet in one look, and what has changed since the look before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from typing import TypeAlias

from cronfleet import AuditInfo, Health, InstanceInfo, JobMark, RunInfo

MOST_NAMED = 200
"""Where more jobs or runs than this have changed at once, none is named: all are to be read."""

RunMark: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen in one look: as much as tells whether anything has changed."""

    health: Health
    answers: bool = False
    """Whether the store did. If not, the rest is what was seen before."""
    jobs: Mapping[str, JobMark] = field(default_factory=dict[str, JobMark])
    runs: Mapping[str, RunMark] = field(default_factory=dict[str, RunMark])
    """Of the jobs that were looked into."""
    jobs_of_runs: Mapping[str, str] = field(default_factory=dict[str, str])
    instances: frozenset[tuple[str, int]] = frozenset()
    audit: tuple[AuditInfo, ...] = ()
    """The newest entries."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What to read again."""

    jobs: list[str]
    runs: list[str]
    instances: bool
    health: bool
    audit: bool

    def __bool__(self) -> bool:
        return any(astuple(self))

    @property
    def are_too_many(self) -> bool:
        return max(len(self.jobs), len(self.runs)) > MOST_NAMED

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def restless(before: Sight, jobs: Mapping[str, JobMark], audit: Sequence[AuditInfo]) -> list[str]:
    """The jobs whose runs may have changed: ordered about, then changed, then active ones."""
    ordered = [entry.job for entry in audit if entry not in before.audit and entry.job in jobs]
    changed = [name for name, mark in jobs.items() if before.jobs.get(name) != mark]
    active = [name for name, mark in jobs.items() if mark.active]
    return list(dict.fromkeys(ordered + changed + active))


def run_marks(runs: Iterable[RunInfo]) -> dict[str, RunMark]:
    return {
        run.id: (run.state, run.attempt, run.started_at, run.late_outcome, run.cancel_asked_at)
        for run in runs
    }


def instance_marks(instances: Iterable[InstanceInfo]) -> frozenset[tuple[str, int]]:
    return frozenset((each.id, each.held) for each in instances)


def changes_between(before: Sight, after: Sight) -> Changes:
    """What has changed from one look to the next. A job's runs that were not seen before count."""
    entries = [entry for entry in after.audit if entry not in before.audit]
    runs = [run for run, mark in after.runs.items() if before.runs.get(run) != mark]
    names = {
        *(name for name, mark in after.jobs.items() if before.jobs.get(name) != mark),
        *(before.jobs.keys() - after.jobs.keys()),
        *(after.jobs_of_runs[run] for run in runs),
        *(entry.job for entry in entries if entry.job),
    }
    return Changes(
        jobs=sorted(names),
        runs=runs,
        instances=before.instances != after.instances,
        health=(before.answers, before.health) != (after.answers, after.health),
        audit=bool(entries),
    )
