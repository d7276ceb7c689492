"""A store that was emptied or restored: what it holds is set aside, and it is adopted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cronfleet.chance import fresh_id
from cronfleet.model import AuditRecord, JobName, RunRecord, RunState
from cronfleet.store import MOST_AUDIT, Moved, Order, Ordered, StoreInfo
from cronfleet.stores.steps.orders import move
from cronfleet.stores.steps.overlap import end_unstarted
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.sessions import info
from cronfleet.stores.steps.shards import ends_active

SET_ASIDE = "not run: its store was emptied or restored, where it may have run already"

_UNSTARTED = frozenset({RunState.WAITING, RunState.PENDING, RunState.CLAIMED})
_PAGE = 200


def settle(records: Records, id_seen: str, name: JobName, moved: Moved) -> Ordered:
    job = records.job(name)
    if job is None:
        return Ordered.UNKNOWN
    if records.fleet().store_id != id_seen:
        return Ordered.CHANGED
    return move(records, job, job, moved)


def clear(records: Records, id_seen: str, name: JobName, limit: int) -> int:
    job = records.job(name)
    if job is None or records.fleet().store_id != id_seen:
        return 0
    unstarted = list(_unstarted(records, name, limit))
    were_active = 0
    for run in unstarted:
        ended = end_unstarted(records, run, SET_ASIDE)
        were_active += run.state is not RunState.WAITING and ends_active(records, ended)
    records.put_job(replace(job, active=job.active - were_active))
    return len(unstarted)


def _unstarted(records: Records, name: JobName, limit: int) -> Iterator[RunRecord]:
    skip = 0
    while limit > 0 and (page := records.runs(name, _PAGE, skip)):
        found = [run for run in page if run.state in _UNSTARTED][:limit]
        yield from found
        limit -= len(found)
        skip += _PAGE


def adopt(records: Records, id_seen: str, order: Order) -> StoreInfo:
    fleet = records.fleet()
    if fleet.store_id == id_seen:
        records.put_fleet(replace(fleet, store_id=fresh_id(), epoch=fleet.epoch + 1, adopted=True))
        records.put_audit(AuditRecord(records.now, "adopt", "", order.who, order.why))
        records.drop_audit_beyond(MOST_AUDIT)
    return info(records)
