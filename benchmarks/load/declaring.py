"""Jobs as a store is told of them, without an instance that has their handlers."""

from __future__ import annotations

from cronfleet.definition import digest, encode, schedule_digest
from cronfleet.model import Fire, JobDefinition
from cronfleet.store import Declaration


def declared(definition: JobDefinition, first: Fire | None) -> Declaration:
    """The job, with its first fire."""
    json = encode(definition)
    return Declaration(
        name=definition.name,
        digest=digest(json),
        schedule_digest=schedule_digest(definition),
        json=json,
        limit=definition.limit,
        on_lost=definition.on_lost,
        first=first,
        handler=definition.handler,
    )
