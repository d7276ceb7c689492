"""Arguments for the scripts, and what their replies say."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from cronfleet.model import (
    AuditRecord,
    Claim,
    Fire,
    Gap,
    GapRecord,
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
    Behind,
    ClaimAnswer,
    ClaimItem,
    Declaration,
    DeclareAnswer,
    Declared,
    DueTick,
    Foreign,
    Granted,
    HeldRun,
    Moved,
    NotGranted,
    Peer,
    PendingClaim,
    PendingRun,
    Renewal,
    Seen,
    Skipped,
    StoreInfo,
)

Argument: TypeAlias = str | int
Reply: TypeAlias = Any
"""What a script answered: strings, integers and lists of them."""

ITEM_WIDTH = 12


# --- arguments ----------------------------------------------------------------------------------


def declaration(each: Declaration) -> list[Argument]:
    return [
        each.name,
        each.digest,
        each.schedule_digest,
        each.limit,
        each.on_lost,
        *_fire(each.first),
        each.json,
    ]


def item(each: ClaimItem) -> list[Argument]:
    if isinstance(each, PendingClaim):
        return ["p", str(each.run), *[""] * (ITEM_WIDTH - 2)]
    fire_time = "" if each.fire_time is None else each.fire_time
    return [
        "t",
        each.job,
        each.generation,
        each.expected,
        fire_time,
        *_fire(each.following),
        *_gap(each.gap),
        each.settles,
    ]


def moved(each: Moved) -> list[Argument]:
    expected = "" if each.expected is None else each.expected
    return [each.generation, expected, *_fire(each.following), *_gap(each.gap)]


def _fire(fire: Fire | None) -> list[Argument]:
    return ["", ""] if fire is None else [fire.fire_time, fire.due]


def _gap(gap: Gap | None) -> list[Argument]:
    return [""] * 4 if gap is None else [gap.first, gap.last, gap.count, gap.reason]


# --- replies ------------------------------------------------------------------------------------


def store_info(reply: Reply) -> StoreInfo:
    return StoreInfo(reply[0], int(reply[1]), int(reply[2]), int(reply[3]))


def renewal(reply: Reply) -> Renewal:
    return Renewal(
        info=store_info(reply),
        held=int(reply[4]),
        tzdata=reply[5],
        peers=[
            Peer(SessionId(session), int(counter), int(ttl), program, manifest)
            for session, counter, ttl, program, manifest in reply[6:]
        ],
    )


def held_run(reply: Reply) -> HeldRun:
    run, state, kind, token, attempt, digest = reply
    claim = Claim(RunId.parse(run), Kind(kind), int(token), int(attempt), digest)
    return HeldRun(claim, RunState(state))


def declared(reply: Reply) -> DeclareAnswer:
    match reply:
        case ["foreign", owner]:
            return Foreign(owner)
        case ["behind", watermark]:
            return Behind(int(watermark))
        case _:
            return Declared(reply)


def seen(reply: Reply) -> Seen:
    now, next_due, due, soon, pending = reply
    return Seen(
        now=int(now),
        due=[_tick(each) for each in due],
        soon=[_tick(each) for each in soon],
        pending=[PendingRun(RunId.parse(run), digest) for run, digest in pending],
        next_due=int(next_due) if next_due else None,
    )


def _tick(reply: Reply) -> DueTick:
    name, generation, digest, fire_time, due, active = reply
    expected = Fire(int(fire_time), int(due))
    return DueTick(name, int(generation), digest, expected, int(active))


def claim_answer(reply: Reply) -> ClaimAnswer:
    match reply:
        case ["granted", run, kind, token, attempt, digest]:
            claim = Claim(RunId.parse(run), Kind(kind), int(token), int(attempt), digest)
            return Granted(claim)
        case ["skipped", reason]:
            return Skipped(Reason(reason))
        case _:
            return NotGranted(reply)


# --- records ------------------------------------------------------------------------------------


def job(reply: Reply) -> JobRecord:
    name, why, *flat = reply
    field = _fields(flat)
    fire_time = field.get("fire")
    reason = field.get("reason")
    return JobRecord(
        name=name,
        program=field["program"],
        digest=field["digest"],
        schedule_digest=field["sdigest"],
        limit=int(field["limit"]),
        on_lost=OnLost(field["on_lost"]),
        generation=int(field["gen"]),
        expected=Fire(int(fire_time), int(field["due"])) if fire_time else None,
        watermark=int(field["mark"]),
        active=int(field["active"]),
        paused="paused" in field,
        paused_reason=Reason(reason) if reason else None,
        paused_by=field.get("by", ""),
        paused_why=why,
    )


def run(reply: Reply) -> RunRecord:
    run_id, error, *flat = reply
    field = _fields(flat)
    session, start_id = field.get("session"), field.get("start")
    return RunRecord(
        id=RunId.parse(run_id),
        kind=Kind(field["kind"]),
        state=RunState(field["state"]),
        attempt=int(field["attempt"]),
        token=int(field["token"]),
        on_lost=OnLost(field["on_lost"]),
        losses=int(field["losses"]),
        created_at=int(field["created"]),
        not_before=int(field["nb"]),
        session=SessionId(session) if session else None,
        instance=field.get("instance", ""),
        start_id=StartId(start_id) if start_id else None,
        claimed_at=_instant(field, "claimed"),
        started_at=_instant(field, "started"),
        ended_at=_instant(field, "ended"),
        outcome=_outcome(field, "outcome"),
        late_outcome=_outcome(field, "late"),
        error=error,
    )


def _fields(flat: Sequence[str]) -> Mapping[str, str]:
    values: Iterator[str] = iter(flat)
    return dict(zip(values, values, strict=True))


def _instant(field: Mapping[str, str], name: str) -> int | None:
    return int(field[name]) if name in field else None


def _outcome(field: Mapping[str, str], name: str) -> Outcome | None:
    return Outcome(field[name]) if name in field else None


def gap(name: JobName, member: str) -> GapRecord:
    first, last, count, reason, generation, recorded_at = member.split(":")
    gap = Gap(int(first), int(last), int(count), Reason(reason))
    return GapRecord(name, gap, int(generation), int(recorded_at))


def instance(reply: Reply) -> InstanceRecord:
    session, label, program, joined_at, expires_at, held = reply
    return InstanceRecord(
        SessionId(session), label, program, int(joined_at), int(expires_at), int(held)
    )


def audit(text: str) -> AuditRecord:
    at, verb, name, who, why = json.loads(text)
    return AuditRecord(int(at), verb, name, who, why)
