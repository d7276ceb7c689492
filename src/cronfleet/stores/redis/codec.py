"""Words for the scripts, and what their replies say."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cronfleet.errors import StoreError
from cronfleet.model import (
    AuditRecord,
    Backfill,
    Claim,
    Fire,
    Gap,
    GapRecord,
    History,
    InstanceRecord,
    JobName,
    JobRecord,
    Kind,
    OnLost,
    Outcome,
    Reason,
    RunId,
    RunRecord,
    RunState,
    SessionId,
    StartId,
)
from cronfleet.store import (
    Backfilled,
    Behind,
    Busy,
    CancelAsked,
    ClaimAnswer,
    ClaimItem,
    Completion,
    Declaration,
    DeclareAnswer,
    Declared,
    DueTick,
    Fault,
    FaultKind,
    Foreign,
    Granted,
    HeldRun,
    LockAnswer,
    Locked,
    LogLine,
    LogPlace,
    Moved,
    NotGranted,
    Order,
    Ordered,
    Peer,
    PendingClaim,
    PendingRun,
    Renewal,
    Seen,
    Skipped,
    Start,
    StoreInfo,
    Triggered,
    Waiting,
)
from cronfleet.stores.redis.connections import Reply, Word
from cronfleet.stores.redis.packing import packed, unpacked
from cronfleet.stores.steps.rows import tally_from

# --- words --------------------------------------------------------------------------------------


def declaration(each: Declaration) -> Iterable[Word]:
    return (
        each.name,
        each.digest,
        each.schedule_digest,
        each.limit,
        each.on_lost,
        each.shards,
        *_fire(each.first),
        packed(each.json),
        each.handler,
    )


def revives(each: Declaration) -> Word:
    return "1" if each.revives else ""


def item(each: ClaimItem) -> Iterable[Word]:
    """Raises ValueError for a tick whose instants are out of order."""
    if isinstance(each, PendingClaim):
        return ("run", str(each.run))
    return (
        "tick",
        each.job,
        each.generation,
        each.expected,
        "" if each.fire_time is None else each.fire_time,
        each.settles,
        *_fire(each.following),
        *_gap(each.gap),
        each.if_active,
        "" if each.wanted_until is None else each.wanted_until,
    )


def start(each: Start) -> Iterable[Word]:
    return (str(each.run), each.token, each.start_id)


def completion(each: Completion) -> Iterable[Word]:
    retry_in = "" if each.retry_in_ms is None else each.retry_in_ms
    return (str(each.run), each.token, each.outcome, retry_in, each.kept_error)


def claim(each: Claim) -> Iterable[Word]:
    return (str(each.run), each.token)


def new_log_line(run: RunId, line: LogLine) -> Iterable[Word]:
    return (str(run), *line.place, line.at, line.level, line.text)


def kept(job: JobName, history: History) -> Iterable[Word]:
    return (job, history.successes, history.failures, history.age_ms)


def order(verb: str, job: JobName, each: Order, about: str = "") -> Iterable[Word]:
    """`about` is what it names, if that is not the job."""
    audit = json.dumps([verb, job, each.who, each.why])
    return (about or job, _text(each.key), _text(each.who), _text(each.why), audit)


def mending(job: JobName, repair: Order | None) -> Iterable[Word]:
    """Whether to mend, and what is put on record then."""
    if repair is None:
        return ("", "")
    *_, audit = order("repair", job, repair)
    return ("1", audit)


def moved(each: Moved | None) -> Iterable[Word]:
    if each is None:
        return ("",) * 8
    expected = "" if each.expected is None else each.expected
    return (each.generation, expected, *_fire(each.following), *_gap(each.gap))


def _text(anything: str) -> bytes:
    """What people write may hold what is no character, as a file's name may."""
    return anything.encode("utf-8", "surrogatepass")


def _fire(fire: Fire | None) -> Iterable[Word]:
    return ("", "") if fire is None else fire


def _gap(gap: Gap | None) -> Iterable[Word]:
    return ("",) * 4 if gap is None else (gap.first, gap.last, gap.count, gap.reason)


def definition(reply: Reply) -> str | None:
    """Raises StoreError for what no declaration wrote."""
    try:
        return None if reply is None else unpacked(reply)
    except ValueError as error:
        raise StoreError(f"the store holds a definition that cannot be read: {error}") from error


# --- replies ------------------------------------------------------------------------------------


def info(reply: Reply) -> StoreInfo:
    store_id, epoch, now, schema, adopted, lived_ms = reply
    return StoreInfo(store_id, epoch, now, schema, bool(adopted), lived_ms)


def renewal(reply: Reply) -> Renewal:
    said, held, tzdata, peers, cancels = reply
    return Renewal(
        info=info(said),
        held=held,
        tzdata=tzdata,
        peers=[Peer(SessionId(session), *rest) for session, *rest in peers],
        cancels=sorted(
            (CancelAsked(RunId.parse(run), token) for run, token in cancels),
            key=lambda asked: asked.run,
        ),
    )


def held_run(reply: Reply) -> HeldRun:
    run, kind, token, attempt, digest, state, shards = reply
    claim = Claim(RunId.parse(run), Kind(kind), token, attempt, digest, shards)
    return HeldRun(claim, RunState(state))


def declare_answer(reply: Reply) -> DeclareAnswer:
    match reply:
        case ["foreign", owner]:
            return Foreign(owner)
        case ["behind", watermark]:
            return Behind(watermark)
        case _:
            return Declared(reply)


def seen(reply: Reply) -> Seen:
    now, next_due, due, soon, pending, resuming = reply
    return Seen(
        now=now,
        due=[_due_tick(each) for each in due],
        soon=[_due_tick(each) for each in soon],
        pending=[PendingRun(RunId.parse(run), *rest) for run, *rest in pending],
        next_due=next_due,
        resuming=resuming,
    )


def _due_tick(reply: Reply) -> DueTick:
    job, generation, digest, fire_time, due, active = reply
    return DueTick(job, generation, digest, Fire(fire_time, due), active)


def define_answer(reply: Reply) -> DeclareAnswer | Ordered:
    match reply:
        case "unknown":
            return Ordered.UNKNOWN
        case "seen":
            return Ordered.CHANGED
        case _:
            return declare_answer(reply)


def claim_answer(asked: ClaimItem, reply: Reply) -> ClaimAnswer:
    match reply:
        case ["granted", kind, token, attempt, digest, shards]:
            run = _run_of(asked, shards)
            return Granted(Claim(run, Kind(kind), token, attempt, digest, shards))
        case ["skipped", reason]:
            return Skipped(Reason(reason))
        case ["waiting"]:
            return Waiting()
        case _:
            return NotGranted(reply)


def _run_of(asked: ClaimItem, shards: int) -> RunId:
    """Of a tick with shards it is the first."""
    if isinstance(asked, PendingClaim):
        return asked.run
    fire_time = asked.fire_time if asked.fire_time is not None else asked.expected
    tick = RunId(asked.job, fire_time)
    return next(iter(tick.of_shards(shards)), tick)


def fault(reply: Reply) -> Fault:
    kind, where, is_mended, detail = reply
    return Fault(FaultKind(kind), where, bool(is_mended), detail)


def triggered(reply: Reply) -> Triggered | Ordered:
    if isinstance(reply, str):
        return Ordered(reply)
    run, state, is_paused = reply
    return Triggered(RunId.parse(run), RunState(state), bool(is_paused))


def backfilled(reply: Reply) -> Backfilled | Ordered:
    if isinstance(reply, str):
        return Ordered(reply)
    made, had_run, is_paused = reply
    return Backfilled(made, had_run, bool(is_paused))


def lock_answer(reply: Reply) -> LockAnswer:
    return Locked(*reply) if len(reply) == 1 else Busy(*reply)


# --- records ------------------------------------------------------------------------------------


def job(reply: Reply) -> JobRecord:
    name, program, digest, schedule_digest, limit, on_lost, *rest = reply
    generation, fire_time, due, watermark, active, since, reason, by, why, *rest = rest
    shards, handler, edition, removed, undeclared_since, paused_until = rest
    return JobRecord(
        name=name,
        program=program,
        digest=digest,
        schedule_digest=schedule_digest,
        limit=limit,
        on_lost=OnLost(on_lost),
        generation=generation,
        expected=None if fire_time is None else Fire(fire_time, due),
        watermark=watermark,
        active=active,
        since=since,
        paused=reason is not None,
        paused_reason=None if reason is None else Reason(reason),
        paused_by=by,
        paused_why=why,
        paused_until=paused_until,
        shards=shards,
        handler=handler,
        edition=edition,
        removed=bool(removed),
        undeclared_since=undeclared_since,
    )


def run(reply: Reply) -> RunRecord:
    run_id, kind, state, attempt, token, on_lost, losses, created_at, not_before, *rest = reply
    session, instance, start_id, claimed_at, started_at, ended_at, outcome, *rest = rest
    late, error, wanted_until, reason, cancel_asked_at, shards, tally = rest
    return RunRecord(
        id=RunId.parse(run_id),
        kind=Kind(kind),
        state=RunState(state),
        attempt=attempt,
        token=token,
        on_lost=OnLost(on_lost),
        losses=losses,
        created_at=created_at,
        not_before=not_before,
        session=None if session is None else SessionId(session),
        instance=instance,
        start_id=None if start_id is None else StartId(start_id),
        claimed_at=claimed_at,
        started_at=started_at,
        ended_at=ended_at,
        outcome=None if outcome is None else Outcome(outcome),
        late_outcome=None if late is None else Outcome(late),
        error=error,
        wanted_until=wanted_until,
        reason=None if reason is None else Reason(reason),
        cancel_asked_at=cancel_asked_at,
        shards=shards,
        tally=tally_from(tally),
    )


def gap(name: JobName, text: str) -> GapRecord:
    first, last, count, reason, generation, recorded_at = text.split(" ")
    gap = Gap(int(first), int(last), int(count), Reason(reason))
    return GapRecord(name, gap, int(generation), int(recorded_at))


def backfill(text: str) -> Backfill:
    return Backfill(*map(int, text.split(" ")))


def instance(reply: Reply) -> InstanceRecord:
    session, *rest = reply
    return InstanceRecord(SessionId(session), *rest)


def audit(text: str) -> AuditRecord:
    at, _, order = text.partition(" ")
    return AuditRecord(int(at), *json.loads(order))


def log_line(text: str) -> LogLine:
    attempt, number, at, level, text = text.split(" ", 4)
    return LogLine(LogPlace(int(attempt), int(number)), int(at), int(level), text)
