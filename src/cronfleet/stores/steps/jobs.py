"""Declared jobs: which definition is in force, and where its ticks begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cronfleet.definition import manifest_of
from cronfleet.model import Fire, JobRecord, ProgramName, SessionId
from cronfleet.store import (
    MOST_SUPERSEDED,
    Behind,
    Declaration,
    DeclareAnswer,
    Declared,
    Foreign,
    Mark,
)
from cronfleet.stores.steps.manifests import is_declared
from cronfleet.stores.steps.overlap import promote
from cronfleet.stores.steps.records import Records

ORDERED = 0
"""The edition of what was put in force by order, once it is superseded."""


@dataclass(frozen=True, slots=True)
class Declarer:
    """Who declares."""

    session: SessionId
    program: ProgramName
    marks: Sequence[Mark]


def sync_jobs(
    records: Records, declarer: Declarer, declarations: Sequence[Declaration]
) -> list[DeclareAnswer]:
    session = records.session(declarer.session)
    if session is None:
        return [Declared.SUPERSEDED] * len(declarations)
    answers = [_declare(records, declarer, each) for each in declarations]
    words = [*(each.digest for each in declarations), *declarer.marks]
    manifest = manifest_of(words)
    records.put_manifest(manifest, words)
    records.put_session(replace(session, manifest=manifest))
    records.drop_manifests_but({each.manifest for each in records.sessions()})
    return answers


def _declare(records: Records, declarer: Declarer, declared: Declaration) -> DeclareAnswer:
    job = records.job(declared.name)
    if job is None:
        return create(records, declarer.program, declared)
    if job.program != declarer.program:
        return Foreign(job.program)
    if job.removed:
        return _declare_again(records, job, declared)
    if job.digest == declared.digest:
        return _keep(records, job, declared)
    edition = records.edition_of(job.name, declared.digest)
    is_older = edition is not None and edition < job.edition
    if is_older and is_declared(records, job, but=declarer.session, marked=declarer.marks):
        return Declared.SUPERSEDED
    return change(records, job, declared, edition)


def _declare_again(records: Records, job: JobRecord, declared: Declaration) -> DeclareAnswer:
    if not declared.revives:
        return Declared.REMOVED
    is_same = job.digest == declared.digest
    edition = job.edition if is_same else records.edition_of(job.name, declared.digest)
    return revive(records, job, declared, edition)


def create(records: Records, program: ProgramName, declared: Declaration) -> Declared:
    """A job never seen."""
    records.put_definition(declared.digest, declared.json)
    records.put_job(
        JobRecord(
            name=declared.name,
            program=program,
            digest=declared.digest,
            schedule_digest=declared.schedule_digest,
            limit=declared.limit,
            on_lost=declared.on_lost,
            generation=1,
            expected=declared.first,
            watermark=-1,
            active=0,
            shards=declared.shards,
            handler=declared.handler,
        )
    )
    return Declared.NEW


def _keep(records: Records, job: JobRecord, declared: Declaration) -> Declared:
    if records.definition(declared.digest) is None:
        records.put_definition(declared.digest, declared.json)
    if job.undeclared_since is not None:
        records.put_job(replace(job, undeclared_since=None))
    return Declared.KEPT


def revive(
    records: Records, job: JobRecord, declared: Declaration, edition: int | None
) -> DeclareAnswer:
    """A tombstone becomes a job again; `edition` is that of the definition, if it has one."""
    if declared.first and declared.first.fire_time <= job.watermark:
        return Behind(job.watermark)
    again = replace(job, removed=False, expected=declared.first)
    put_in_force(records, again, declared, edition)
    return Declared.NEW


def change(
    records: Records, job: JobRecord, declared: Declaration, edition: int | None
) -> DeclareAnswer:
    """Another definition comes into force."""
    expected = _expected_after_edit(records, job, declared)
    if expected and expected.fire_time <= job.watermark:
        return Behind(job.watermark)
    put_in_force(records, replace(job, expected=expected), declared, edition)
    return Declared.CHANGED


def put_in_force(
    records: Records, job: JobRecord, declared: Declaration, edition: int | None
) -> None:
    """Let the job have this definition: as a new one, if that has no edition."""
    records.put_definition(declared.digest, declared.json)
    if job.digest != declared.digest:
        # What was put in force by order is declared by nobody, and drives out nothing that is.
        edition_then = ORDERED if job.handler else job.edition
        old = replace(job, edition=edition_then)
        records.supersede(old, declared.digest, keep=MOST_SUPERSEDED)
    generation = job.generation + 1
    promote(
        records,
        replace(
            job,
            digest=declared.digest,
            schedule_digest=declared.schedule_digest,
            limit=declared.limit,
            on_lost=declared.on_lost,
            shards=declared.shards,
            handler=declared.handler,
            generation=generation,
            edition=generation if edition is None else edition,
            undeclared_since=None,
        ),
    )


def _expected_after_edit(records: Records, job: JobRecord, declared: Declaration) -> Fire | None:
    if job.schedule_digest == declared.schedule_digest:
        return job.expected
    if job.expected and job.expected.due <= records.now:
        return job.expected  # That tick is owed.
    return declared.first


def note(records: Records, name: str, value: str) -> str:
    standing = records.note(name)
    if standing is None:
        records.put_note(name, value)
    return value if standing is None else standing
