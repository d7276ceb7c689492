"""All that a store knows of what happened, as lines of JSON; docs/verify.md describes them.

The fleet works on meanwhile. So a job is read before its gaps and runs: up to its watermark each
tick has one of them by then, if it was not deleted. Nothing is kept in memory but a page.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from cronfleet.adopting import all_jobs
from cronfleet.cron.zones import tzdata_version
from cronfleet.model import SUCCEEDED, GapRecord, History, Instant, JobName, JobRecord, RunRecord
from cronfleet.store import MOST_AUDIT, MOST_GAPS, Store

VERSION = 1
"""Of the format: a reader refuses any other."""

NEVER = -1

_PAGE = 200
_OVERLAP = 20


async def exported(store: Store, fleet: str) -> AsyncIterator[str]:
    """The lines, each without its end. Raises StoreError; what was read by then is no export."""
    lines = 0
    async for line in _lines(store, fleet):
        yield _json(line)
        lines += 1
    yield _json({"line": "end", "lines": lines})


async def _lines(store: Store, fleet: str) -> AsyncIterator[Mapping[str, Any]]:
    yield await _header(store, fleet)
    async for line in _sessions(store):
        yield line
    async for job in all_jobs(store):
        async for line in _job(store, job):
            yield line
    # Once more: what was started meanwhile may be held by a session that has joined since.
    async for line in _sessions(store):
        yield line
    async for line in _audit(store):
        yield line


async def _header(store: Store, fleet: str) -> Mapping[str, Any]:
    info = await store.open()
    kept = await store.audit(MOST_AUDIT)
    return {
        "line": "header",
        "format": "cronfleet-history",
        "version": VERSION,
        "cronfleet": version("cronfleet"),
        "tzdata": tzdata_version(),
        "fleet": fleet,
        "store_id": info.id,
        "epoch": info.epoch,
        "at": info.now,
        "audit_after": kept[-1].at if len(kept) >= MOST_AUDIT else NEVER,
    }


async def _sessions(store: Store) -> AsyncIterator[Mapping[str, Any]]:
    for each in await store.instances():
        yield {"line": "instance", **asdict(each)}


async def _audit(store: Store) -> AsyncIterator[Mapping[str, Any]]:
    skip = 0
    while page := await store.audit(_PAGE, skip):
        for each in page:
            yield {"line": "audit", **asdict(each)}
        skip += len(page)


# --- a job --------------------------------------------------------------------------------------


async def _job(store: Store, job: JobRecord) -> AsyncIterator[Mapping[str, Any]]:
    """Gaps and runs, and then the job as it was before they were read."""
    now = (await store.open()).now
    job = await store.job(job.name) or job
    definition = await store.definition(job.digest)
    raw: dict[str, Any] | None = None if definition is None else json.loads(definition)
    whole = _Whole(now, _history(raw))
    async for gap in _gaps(store, job.name):
        whole.saw_gap(gap)
        yield _gap(gap)
    async for run in _runs(store, job.name):
        whole.saw_run(run)
        yield _run(run)
    for each in await store.backfills(job.name):
        yield {"line": "backfill", "job": job.name, **asdict(each)}
    yield {
        "line": "job",
        "at": now,
        "job": job.name,
        "program": job.program,
        "state": job.state,
        "generation": job.generation,
        "digest": job.digest,
        "watermark": job.watermark,
        "since": job.since,
        "whole_after": whole.after,
        "expected": job.expected and job.expected.fire_time,
        "active": job.active,
        "paused_reason": job.paused_reason,
        "definition": raw,
    }


def _history(definition: Mapping[str, Any] | None) -> History:
    """How much of it is kept; nothing, where nobody can tell."""
    raw = (definition or {}).get("history")
    return History(**raw) if raw else History(0, 0, 0)


class _Whole:
    """Finds out from when on no record of a tick can have been deleted."""

    def __init__(self, now: Instant, history: History) -> None:
        self._now = now
        self._history = history
        self._kept: dict[bool, int] = {True: 0, False: 0}
        self._oldest: dict[bool, Instant] = {True: now, False: now}
        self._gaps = 0
        self._oldest_gap = now

    def saw_gap(self, record: GapRecord) -> None:
        self._gaps += 1
        self._oldest_gap = min(self._oldest_gap, record.gap.first)

    def saw_run(self, run: RunRecord) -> None:
        """What ended first is deleted first, successes and failures apart."""
        if run.ended_at is not None and not run.id.is_shard:
            kind = run.state in SUCCEEDED
            self._kept[kind] += 1
            self._oldest[kind] = min(self._oldest[kind], run.ended_at)

    @property
    def after(self) -> Instant:
        """All fire times later than this one have their records."""
        bounds = [self._now - self._history.age_ms, NEVER]
        if self._gaps >= MOST_GAPS:
            bounds.append(self._oldest_gap - 1)
        for kind, most in ((True, self._history.successes), (False, self._history.failures)):
            if self._kept[kind] >= most:
                bounds.append(self._oldest[kind])
        return max(bounds)


async def _gaps(store: Store, job: JobName) -> AsyncIterator[GapRecord]:
    """The newest first. One that is added meanwhile shifts the others: some come twice."""
    skip = 0
    while page := await store.gaps(job, _PAGE, skip):
        for each in page:
            yield each
        skip += len(page)


async def _runs(store: Store, job: JobName) -> AsyncIterator[RunRecord]:
    """The newest first; some may come twice.

    Runs that are deleted meanwhile shift those behind them, so pages overlap: where one has
    nothing of the page before, it begins too late.
    """
    skip = 0
    before: set[str] = set()
    while page := await store.runs(job, _PAGE, skip):
        ids = {str(run.id) for run in page}
        if before and skip and not before & ids:
            skip = max(0, skip - _PAGE)
            before = set()
            continue
        for run in page:
            if str(run.id) not in before:
                yield run
        if len(page) < _PAGE:
            return
        skip, before = skip + len(page) - _OVERLAP, ids


# --- lines --------------------------------------------------------------------------------------


def _gap(record: GapRecord) -> Mapping[str, Any]:
    return {
        "line": "gap",
        "at": record.recorded_at,
        "job": record.job,
        **asdict(record.gap),
        "generation": record.generation,
    }


def _run(run: RunRecord) -> Mapping[str, Any]:
    fields = asdict(run)
    del fields["id"], fields["start_id"]
    tally = run.tally and run.tally._asdict()
    return {"line": "run", "run": str(run.id), **fields, "tally": tally}


def _json(line: Mapping[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=True, separators=(",", ":"))
