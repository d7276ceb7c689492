"""The jobs that this instance can run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from cronfleet.context import RunContext
from cronfleet.definition import schedule_digest
from cronfleet.engine.isolated.address import Address
from cronfleet.model import Digest, Instant, JobDefinition, JobName
from cronfleet.policy import Plan
from cronfleet.store import Declaration

Handler: TypeAlias = Callable[[RunContext], Awaitable[object]] | Callable[[RunContext], object]


class Seat(Enum):
    """Where a handler is at work."""

    LOOP = auto()
    THREAD = auto()
    PROCESS = auto()


@dataclass(frozen=True, slots=True)
class Isolated:
    """What a handler in a process of its own needs."""

    address: Address
    memory_limit_mb: int | None = None


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A registered job: what the fleet agrees on, and the handler that only this process has."""

    plan: Plan
    json: str
    digest: Digest
    handler: Handler
    is_coroutine: bool
    retry_on: tuple[type[BaseException], ...]
    isolated: Isolated | None = None
    """No part of the definition: how a handler is carried out is this program's own matter."""

    @property
    def seat(self) -> Seat:
        if self.isolated is not None:
            return Seat.PROCESS
        return Seat.LOOP if self.is_coroutine else Seat.THREAD

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
            shards=definition.shards,
            handler=definition.handler,
        )


KnownJobs: TypeAlias = Mapping[JobName, KnownJob]
