"""The jobs that this instance can run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cronfleet.context import RunContext
from cronfleet.definition import schedule_digest
from cronfleet.model import Digest, Instant, JobDefinition, JobName
from cronfleet.policy import Plan
from cronfleet.store import Declaration

Handler: TypeAlias = Callable[[RunContext], Awaitable[object]] | Callable[[RunContext], object]


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A registered job: what the fleet agrees on, and the handler that only this process has."""

    plan: Plan
    json: str
    digest: Digest
    handler: Handler
    is_coroutine: bool
    retry_on: tuple[type[BaseException], ...]

    @property
    def definition(self) -> JobDefinition:
        return self.plan.definition

    def declaration(self, after: Instant) -> Declaration:
        """The job as it is declared; its ticks begin after the instant."""
        definition = self.definition
        return Declaration(
            name=definition.name,
            digest=self.digest,
            schedule_digest=schedule_digest(definition),
            json=self.json,
            limit=definition.limit,
            on_lost=definition.on_lost,
            first=self.plan.first_after(after),
            handler=definition.handler,
        )


KnownJobs: TypeAlias = Mapping[JobName, KnownJob]
