"""Declared jobs: which definition is in force, and where its ticks begin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cronfleet.definition import manifest_of
from cronfleet.model import Digest, Fire, JobRecord, ProgramName, SessionId
from cronfleet.store import (
    MOST_SUPERSEDED,
    Behind,
    Declaration,
    DeclareAnswer,
    Declared,
    Foreign,
)
from cronfleet.stores.steps.overlap import promote
from cronfleet.stores.steps.records import Records


def sync_jobs(
    records: Records,
    session_id: SessionId,
    program: ProgramName,
    declarations: Sequence[Declaration],
) -> list[DeclareAnswer]:
    session = records.session(session_id)
    if session is None:
        return [Declared.SUPERSEDED] * len(declarations)
    answers = [_declare(records, session_id, program, each) for each in declarations]
    digests = [each.digest for each in declarations]
    manifest = manifest_of(digests)
    records.put_manifest(manifest, digests)
    records.put_session(replace(session, manifest=manifest))
    records.drop_manifests_but({each.manifest for each in records.sessions()})
    return answers


def _declare(
    records: Records, session: SessionId, program: ProgramName, declared: Declaration
) -> DeclareAnswer:
    job = records.job(declared.name)
    if job is None:
        return _create(records, program, declared)
    if job.program != program:
        return Foreign(job.program)
    if job.digest == declared.digest:
        if records.definition(declared.digest) is None:
            records.put_definition(declared.digest, declared.json)
        return Declared.KEPT
    if records.definition(declared.digest) and _is_declared(records, job.digest, but=session):
        return Declared.SUPERSEDED
    expected = _expected_after_edit(records, job, declared)
    if expected and expected.fire_time <= job.watermark:
        return Behind(job.watermark)
    records.put_definition(declared.digest, declared.json)
    records.supersede(job.name, job.digest, declared.digest, keep=MOST_SUPERSEDED)
    promote(
        records,
        replace(
            job,
            digest=declared.digest,
            schedule_digest=declared.schedule_digest,
            limit=declared.limit,
            on_lost=declared.on_lost,
            shards=declared.shards,
            generation=job.generation + 1,
            expected=expected,
        ),
    )
    return Declared.CHANGED


def _create(records: Records, program: ProgramName, declared: Declaration) -> Declared:
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
        )
    )
    return Declared.NEW


def _is_declared(records: Records, digest: Digest, *, but: SessionId) -> bool:
    return any(
        records.manifest_names(each.manifest, digest)
        for each in records.sessions()
        if each.id != but
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
