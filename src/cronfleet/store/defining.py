"""Jobs that are added, changed and removed at run time: definitions that belong to no instance.

Whoever has the handler of such a definition can run it. An instance says which handlers it has by
the marks in its manifest, next to the definitions that it declares itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from cronfleet.model import Digest, HandlerName, JobName, JobRecord, ProgramName
from cronfleet.store.orders import Moved, Order, Ordered
from cronfleet.store.values import Declaration, DeclareAnswer

Mark: TypeAlias = str
"""That an instance has a handler: for all jobs of its program that name it, or for one of them."""


def mark(handler: HandlerName, job: JobName | None = None) -> Mark:
    """What a manifest says of a handler."""
    return f"handler:{handler}" if job is None else f"handler:{handler}@{job}"


class Defining(Protocol):
    """A part of `Store`: what holds of all of it holds here."""

    async def define(
        self, program: ProgramName, declared: Declaration, seen: int | None, order: Order
    ) -> DeclareAnswer | Ordered:
        """Put a definition in force by order: it is the newest then, whatever was declared.

        `seen` is the generation of the job to be changed; None adds a job that is not there or
        was removed, which goes on with its watermark and generation, and is not paused. `CHANGED`
        if it is not as it was seen, or there already; `UNKNOWN` if there is none to be changed.
        The definition in force changes nothing. As for the ticks, see `Store.sync_jobs`.
        """
        ...

    async def remove(
        self,
        job: JobName,
        moved: Moved,
        order: Order,
        *,
        undeclared_ms: int | None = None,
        limit: int = 200,
    ) -> Ordered:
        """Make a tombstone of a job: what it expects is settled by the gap, and nothing follows.

        Runs that wait are skipped and pending ones cancelled, `limit` at the most: `MORE` says
        that there are others, so give the order again. What is claimed or started ends as it
        does, but is not tried again, and nothing takes its place. With `undeclared_ms` only if
        no open session declares the job, and that was noted so long ago; else `CHANGED`.
        """
        ...

    async def undeclared(self, jobs: Sequence[JobName]) -> list[JobRecord]:
        """Note which of these jobs no open session declares, and since when; answers those."""
        ...

    async def definitions(self, digests: Sequence[Digest]) -> list[str | None]:
        """The JSON of each definition, None for one that is not there."""
        ...
