"""Sessions: joined, renewed, and when they are dead closed and their runs swept."""

from __future__ import annotations

from dataclasses import replace

from cronfleet.model import InstanceRecord, RunState, SessionId
from cronfleet.store import (
    CancelAsked,
    HeldRun,
    NewSession,
    Peer,
    Renewal,
    StoreInfo,
    Swept,
)
from cronfleet.stores.steps.records import Records, SessionRecord
from cronfleet.stores.steps.runs import claim_of, lose, put_back

SCHEMA = 1


def info(records: Records) -> StoreInfo:
    fleet = records.fleet()
    return StoreInfo(
        id=fleet.store_id,
        epoch=fleet.epoch,
        now=records.now,
        schema=SCHEMA,
        adopted=fleet.adopted,
        lived_ms=fleet.lived_ms,
    )


def join(records: Records, new: NewSession) -> None:
    if records.session(new.id) is not None:
        return  # The request that opened it has arrived a second time.
    records.put_session(
        SessionRecord(
            id=new.id,
            program=new.program,
            label=new.label,
            ttl_ms=new.ttl_ms,
            tzdata=new.tzdata,
            joined_at=records.now,
            expires_at=records.now + new.ttl_ms,
        )
    )


def renew(records: Records, session: SessionId) -> Renewal | None:
    mine = records.session(session)
    if mine is None:
        return None
    # The only place where the greatest time is raised, or a clock set far back is believed.
    fleet = records.fleet()
    # A span in which nobody renewed counts for no more than the session would have lasted.
    lived_ms = min(max(0, records.now - fleet.greatest_ms), mine.ttl_ms)
    records.put_fleet(replace(fleet, greatest_ms=records.now, lived_ms=fleet.lived_ms + lived_ms))
    records.put_session(
        replace(mine, expires_at=records.now + mine.ttl_ms, counter=mine.counter + 1)
    )
    everyone = records.sessions()
    return Renewal(
        info=info(records),
        held=records.count_held(session),
        tzdata=max(each.tzdata for each in everyone),
        peers=[
            Peer(each.id, each.counter, each.ttl_ms, each.program, each.manifest)
            for each in everyone
        ],
        cancels=[CancelAsked(run.id, run.token) for run in records.runs_to_cancel(session)],
    )


def leave(records: Records, session: SessionId) -> None:
    records.drop_session(session)
    records.drop_manifests_but({each.manifest for each in records.sessions()})


def held(records: Records, session: SessionId) -> list[HeldRun]:
    return [HeldRun(claim_of(records, run), run.state) for run in records.runs_held(session)]


def close(records: Records, session: SessionId, counter: int, epoch: int) -> bool:
    dead = records.session(session)
    if dead is None or dead.counter != counter or records.fleet().epoch != epoch:
        return False
    if not dead.is_expired(records.now) and not dead.has_stale_expiry(records.now):
        return False
    leave(records, session)
    return True


def sweep(records: Records, limit: int) -> list[Swept]:
    swept: list[Swept] = []
    for run in records.runs_orphaned(limit):
        if run.state is RunState.CLAIMED:
            swept.append(Swept(run.id, put_back(records, run).state))
        else:
            error = f"its instance {run.instance} was gone"
            told = replace(run, losses=run.losses + 1, error=error)
            swept.append(Swept(run.id, lose(records, told).state))
    return swept


def instances(records: Records) -> list[InstanceRecord]:
    return [
        InstanceRecord(
            session=each.id,
            label=each.label,
            program=each.program,
            joined_at=each.joined_at,
            expires_at=each.expires_at,
            held=records.count_held(each.id),
            tzdata=each.tzdata,
        )
        for each in records.sessions()
    ]
