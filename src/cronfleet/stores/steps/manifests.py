"""What open sessions declare: definitions of their own, and the handlers that they have."""

from __future__ import annotations

from collections.abc import Iterable

from cronfleet.model import JobRecord, SessionId
from cronfleet.store import Mark, mark
from cronfleet.stores.steps.records import Records


def marks_of(job: JobRecord) -> frozenset[Mark]:
    """The marks by which an instance says that it has the job's handler."""
    if not job.handler:
        return frozenset()
    return frozenset({mark(job.handler), mark(job.handler, job.name)})


def is_declared(
    records: Records,
    job: JobRecord,
    *,
    but: SessionId | None = None,
    marked: Iterable[Mark] = (),
) -> bool:
    """Whether an open session declares the definition in force, or its handler is among `marked`."""
    marks = marks_of(job)
    if not marks.isdisjoint(marked):
        return True
    manifests = {
        each.manifest
        for each in records.sessions()
        if each.program == job.program and each.id != but
    }
    return any(
        records.manifest_names(manifest, word)
        for manifest in manifests
        for word in (job.digest, *marks)
    )
