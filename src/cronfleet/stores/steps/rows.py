"""Rows of a SQL store's tables to the values of the model, and back."""

from __future__ import annotations

from typing import Any, Protocol

from cronfleet.model import (
    Fire,
    Gap,
    GapRecord,
    JobRecord,
    Kind,
    OnLost,
    Outcome,
    Reason,
    RunId,
    RunRecord,
    RunState,
    Tally,
)
from cronfleet.store import LogLine, LogPlace, SizedPlace

Values = dict[str, str | int | None]
"""The values of a statement's parameters, by name."""


class Row(Protocol):
    """A row that is asked for its columns by name, as drivers have them."""

    def __getitem__(self, column: str, /) -> Any: ...


def job_from(row: Row) -> JobRecord:
    return JobRecord(
        name=row["name"],
        program=row["program"],
        digest=row["digest"],
        schedule_digest=row["schedule_digest"],
        limit=row["limit"],
        on_lost=OnLost(row["on_lost"]),
        generation=row["generation"],
        expected=_fire_from(row),
        watermark=row["watermark"],
        active=row["active"],
        since=row["since"],
        paused=bool(row["paused"]),
        paused_reason=row["paused_reason"] and Reason(row["paused_reason"]),
        paused_by=row["paused_by"],
        paused_why=row["paused_why"],
        paused_until=row["paused_until"],
        shards=row["shards"],
        handler=row["handler"],
        edition=row["edition"],
        removed=bool(row["removed"]),
        undeclared_since=row["undeclared_since"],
    )


def _fire_from(row: Row) -> Fire | None:
    fire_time = row["expected_fire_time"]
    return None if fire_time is None else Fire(fire_time, row["expected_due"])


def job_values(job: JobRecord) -> Values:
    return {
        "name": job.name,
        "program": job.program,
        "digest": job.digest,
        "schedule_digest": job.schedule_digest,
        "limit": job.limit,
        "on_lost": job.on_lost.value,
        "generation": job.generation,
        "expected_fire_time": job.expected.fire_time if job.expected else None,
        "expected_due": job.expected.due if job.expected else None,
        "watermark": job.watermark,
        "active": job.active,
        "since": job.since,
        "paused": int(job.paused),
        "paused_reason": job.paused_reason and job.paused_reason.value,
        "paused_by": job.paused_by,
        "paused_why": job.paused_why,
        "paused_until": job.paused_until,
        "shards": job.shards,
        "handler": job.handler,
        "edition": job.edition,
        "removed": int(job.removed),
        "undeclared_since": job.undeclared_since,
    }


def run_id_from(row: Row) -> RunId:
    return RunId(row["job"], row["fire_time"], row["number"], row["shard"])


def run_from(row: Row) -> RunRecord:
    return RunRecord(
        id=run_id_from(row),
        kind=Kind(row["kind"]),
        state=RunState(row["state"]),
        attempt=row["attempt"],
        token=row["token"],
        on_lost=OnLost(row["on_lost"]),
        losses=row["losses"],
        created_at=row["created_at"],
        not_before=row["not_before"],
        session=row["session"],
        instance=row["instance"],
        start_id=row["start_id"],
        claimed_at=row["claimed_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"] and Outcome(row["outcome"]),
        late_outcome=row["late_outcome"] and Outcome(row["late_outcome"]),
        error=row["error"],
        wanted_until=row["wanted_until"],
        reason=row["reason"] and Reason(row["reason"]),
        cancel_asked_at=row["cancel_asked_at"],
        shards=row["shards"],
        tally=tally_from(row["tally"]),
    )


def tally_from(text: str | None) -> Tally | None:
    """What `tally_text` wrote."""
    return None if text is None else Tally(*map(int, text.split(" ")))


def tally_text(tally: Tally | None) -> str | None:
    """The counts in their order, as a store keeps them."""
    return None if tally is None else " ".join(map(str, tally))


def run_values(run: RunRecord) -> Values:
    return {
        "id": str(run.id),
        "job": run.id.job,
        "fire_time": run.id.fire_time,
        "number": run.id.number,
        "kind": run.kind.value,
        "state": run.state.value,
        "attempt": run.attempt,
        "token": run.token,
        "on_lost": run.on_lost.value,
        "losses": run.losses,
        "created_at": run.created_at,
        "not_before": run.not_before,
        "session": run.session,
        "instance": run.instance,
        "start_id": run.start_id,
        "claimed_at": run.claimed_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "outcome": run.outcome and run.outcome.value,
        "late_outcome": run.late_outcome and run.late_outcome.value,
        "error": run.error,
        "wanted_until": run.wanted_until,
        "reason": run.reason and run.reason.value,
        "cancel_asked_at": run.cancel_asked_at,
        "shard": run.id.shard,
        "shards": run.shards,
        "tally": tally_text(run.tally),
    }


def gap_from(row: Row) -> GapRecord:
    gap = Gap(row["first"], row["last"], row["count"], Reason(row["reason"]))
    return GapRecord(row["job"], gap, row["generation"], row["recorded_at"])


def gap_values(gap: GapRecord) -> Values:
    return {
        "job": gap.job,
        "first": gap.gap.first,
        "last": gap.gap.last,
        "count": gap.gap.count,
        "reason": gap.gap.reason.value,
        "generation": gap.generation,
        "recorded_at": gap.recorded_at,
    }


def log_size_from(row: Row) -> SizedPlace:
    return LogPlace(row["attempt"], row["number"]), row["size"]


def log_line_from(row: Row) -> LogLine:
    return LogLine(LogPlace(row["attempt"], row["number"]), row["at"], row["level"], row["text"])


def log_line_values(run: RunId, line: LogLine) -> Values:
    return {
        "run": str(run),
        **line.place._asdict(),
        "at": line.at,
        "level": line.level,
        "text": line.text,
    }
