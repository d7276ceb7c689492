"""Steps about many jobs: first what nobody else has in hand, so that one job holds up no other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from cronfleet.model import JobName
from cronfleet.store import (
    ClaimAnswer,
    ClaimItem,
    Completion,
    NotGranted,
    PendingClaim,
    Recorded,
    Swept,
    TickClaim,
)
from cronfleet.stores.postgres.records import PostgresRecords
from cronfleet.stores.steps import needs, runs, sessions
from cronfleet.stores.steps.needs import Needs

Answers: TypeAlias = dict[int, Recorded]
"""By the completions' places in their call."""


@dataclass(frozen=True, slots=True)
class Part:
    """Those completions of a call that one transaction is to record."""

    completions: Sequence[Completion]
    """All of the call."""
    places: Sequence[int]
    passes_over: bool = False

    @property
    def needed(self) -> Needs:
        needed = needs.to_complete([self.completions[at] for at in self.places])
        return replace(needed, passes_over=self.passes_over)

    def record(self, records: PostgresRecords) -> Answers:
        """What is passed over gets no answer."""
        passed = records.passed_over
        places = [at for at in self.places if self.completions[at].run.job not in passed]
        said = runs.complete(records, [self.completions[at] for at in places])
        return dict(zip(places, said, strict=True))


def runs_lost_with_ticks(items: Sequence[ClaimItem], answers: Sequence[ClaimAnswer]) -> list[int]:
    """Places of runs that may have been lost only since a tick of their job was wanted, too.

    A tick needs its job, which another may have in hand; a run alone needs only to see it.
    """
    lost = [at for at, answer in enumerate(answers) if answer is NotGranted.LOST]
    ticks = {item.job for item in (items[at] for at in lost) if isinstance(item, TickClaim)}
    return [
        at for at in lost if isinstance(item := items[at], PendingClaim) and item.run.job in ticks
    ]


def free(completions: Sequence[Completion]) -> Part:
    """Those whose jobs and runs nobody else has in hand."""
    return Part(completions, range(len(completions)), passes_over=True)


def by_job(completions: Sequence[Completion], answers: Answers) -> list[Part]:
    """Those that have no answer yet, by job, in the order in which locks are taken."""
    left: dict[JobName, list[int]] = defaultdict(list)
    for at, said in enumerate(completions):
        if at not in answers:
            left[said.run.job].append(at)
    return [Part(completions, left[job]) for job in sorted(left)]


def sweep_free(records: PostgresRecords, limit: int) -> tuple[list[Swept], bool]:
    """Take back what nobody else has in hand; and whether there is more."""
    swept = sessions.sweep(records, limit)
    return swept, bool(records.passed_over)
