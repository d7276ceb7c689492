"""What the tests of a store begin with: a noon, a program, people's names for sessions."""

from __future__ import annotations

import itertools
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cronfleet.clock import ManualClock
from cronfleet.definition import digest
from cronfleet.model import (
    Claim,
    Fire,
    Instant,
    JobRecord,
    LockOwner,
    OnLost,
    Outcome,
    RunId,
    RunRecord,
    SessionId,
    StartId,
)
from cronfleet.store import (
    ClaimAnswer,
    Completion,
    Declaration,
    Granted,
    Moved,
    NewSession,
    NotGranted,
    Order,
    PendingClaim,
    Recorded,
    Start,
    Store,
    TickClaim,
    Triggered,
)

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOON: Instant = 1_795_521_600_000
HOUR_MS = 3_600_000
ONE_PM: Instant = NOON + HOUR_MS
TWO_PM: Instant = NOON + 2 * HOUR_MS
TTL = timedelta(seconds=10)
TTL_MS = 10_000
PROGRAM = "reports"
TZDATA = "2026.6"

_orders = itertools.count(1)


def fire(fire_time: Instant) -> Fire:
    """A tick that is due at its fire time."""
    return Fire(fire_time, fire_time)


def start_id() -> StartId:
    return StartId(secrets.token_hex(16))


def new_owner() -> LockOwner:
    return LockOwner(secrets.token_hex(16))


def order(key: str = "", who: str = "anna", why: str = "because") -> Order:
    """An order with a key of its own unless it is given one."""
    return Order(key or f"order-{next(_orders)}", who, why)


def report(
    name: str = "report",
    *,
    edition: int = 1,
    schedule: str = "hourly",
    first: Instant | None = NOON,
    limit: int = 1,
    on_lost: OnLost = OnLost.ABANDON,
    shards: int = 1,
) -> Declaration:
    """A declared job. Another `edition` is another definition of it."""
    json = f'{{"name":"{name}","edition":{edition},"schedule":"{schedule}"}}'
    return Declaration(
        name=name,
        digest=digest(json),
        schedule_digest=digest(schedule),
        json=json,
        limit=limit,
        on_lost=on_lost,
        first=None if first is None else fire(first),
        shards=shards,
    )


async def join(store: Store, name: str, program: str = PROGRAM, tzdata: str = TZDATA) -> SessionId:
    """Open a session that goes by a person's name."""
    session = SessionId((name.encode().hex() + secrets.token_hex(16))[:32])
    await store.join(NewSession(session, program, name, TTL_MS, tzdata))
    return session


async def joined(store: Store, name: str, *jobs: Declaration) -> SessionId:
    """A session that has declared these jobs."""
    session = await join(store, name)
    await store.sync_jobs(session, PROGRAM, list(jobs))
    return session


def renew(store: Store, session: SessionId) -> int | None:
    """Renew once; answers the store's time, or None for a closed session."""
    renewer = store.renewer()
    try:
        renewal = renewer.renew(session)
    finally:
        renewer.close()
    return None if renewal is None else renewal.info.now


def counter(store: Store, session: SessionId) -> int:
    """The session's counter after one renewal."""
    renewer = store.renewer()
    try:
        renewal = renewer.renew(session)
    finally:
        renewer.close()
    assert renewal is not None, f"{session} is closed"
    return next(peer.counter for peer in renewal.peers if peer.session == session)


def tick(
    name: str = "report",
    fire_time: Instant = NOON,
    *,
    expected: Instant | None = None,
    following: Instant | None = None,
    generation: int = 1,
) -> TickClaim:
    """The claim of an hourly tick."""
    return TickClaim(
        job=name,
        generation=generation,
        expected=fire_time if expected is None else expected,
        fire_time=fire_time,
        following=fire(fire_time + HOUR_MS if following is None else following),
    )


async def granted(store: Store, session: SessionId, item: TickClaim | PendingClaim) -> Claim:
    """Claim one item, which must be granted."""
    (answer,) = await store.claim(session, [item])
    assert isinstance(answer, Granted), f"{item} was answered with {answer}"
    return answer.claim


async def started(store: Store, session: SessionId, claim: Claim) -> Claim:
    """Start one claim, which must be allowed."""
    (is_started,) = await store.start(session, [Start(claim.run, claim.token, start_id())])
    assert is_started, f"{claim} was not started"
    return claim


async def completed(
    store: Store, claim: Claim, outcome: Outcome, retry_in_ms: int | None = None, error: str = ""
) -> Recorded:
    """Complete one claim."""
    said = Completion(claim.run, claim.token, outcome, retry_in_ms, error)
    (answer,) = await store.complete([said])
    return answer


async def triggered(store: Store, name: str = "report") -> RunId:
    """Trigger a job, which must make a run."""
    answer = await store.trigger(name, order())
    assert isinstance(answer, Triggered), f"{name} was answered with {answer}"
    return answer.run


async def the_run(store: Store, run: RunId) -> RunRecord:
    found = await store.run(run)
    assert found is not None, f"{run} is not there"
    return found


async def the_job(store: Store, name: str = "report") -> JobRecord:
    found = await store.job(name)
    assert found is not None, f"{name} is not there"
    return found


async def bury(store: Store, clock: ManualClock, session: SessionId) -> None:
    """Let the session expire, close it, and sweep its runs."""
    seen = counter(store, session)
    clock.advance(TTL)
    assert await store.close(session, seen, (await store.open()).epoch)
    while await store.sweep():
        pass


def moved_by(job: JobRecord, following: Instant | None) -> Moved:
    """A move of the job as it is, with no gap."""
    expected = job.expected.fire_time if job.expected else None
    return Moved(job.generation, expected, None if following is None else fire(following), None)


def is_refused(answer: ClaimAnswer) -> bool:
    return isinstance(answer, NotGranted)


def edited(declaration: Declaration, first: Instant) -> Declaration:
    """The same job with its ticks beginning elsewhere."""
    return replace(declaration, first=fire(first))
