"""What people and programs read of the fleet: times are aware UTC datetimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronfleet.definition import decode_jitter_ms, decode_schedule
from cronfleet.errors import InvalidScheduleError, StoreError
from cronfleet.model import (
    AuditRecord,
    GapRecord,
    InstanceRecord,
    Instant,
    JobRecord,
    RunRecord,
)
from cronfleet.promise import Promise
from cronfleet.schedule import Schedule, schedule_from_definition

UNREADABLE = "a schedule that this version of cronfleet cannot read"


def moment(instant: Instant) -> datetime:
    """An instant as an aware UTC datetime."""
    return datetime.fromtimestamp(instant / 1000, UTC)


def instant_from(moment: datetime) -> Instant:
    """The first instant that is not before a moment with a time zone."""
    return -((datetime(1970, 1, 1, tzinfo=UTC) - moment) // timedelta(milliseconds=1))


def _moment(instant: Instant | None) -> datetime | None:
    return None if instant is None or instant < 0 else moment(instant)


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job."""

    name: str
    program: str
    state: str
    """`scheduled`, `paused`, `finished` or `removed`."""
    schedule: str
    description: str
    """The schedule in plain English."""
    schedule_values: Mapping[str, str | int] | None
    """The schedule as values, of which `schedule_from_definition` makes it again."""
    next_fire: datetime | None
    next_due: datetime | None
    """When the tick of `next_fire` may start: later than that by the job's jitter."""
    jitter_s: float
    """How much later than their fire times its ticks may be due: less than that, in seconds."""
    watermark: datetime | None
    """The last fire time that was settled."""
    active: int
    """How many of its runs are pending, claimed or started."""
    paused_by: str
    paused_why: str
    paused_until: datetime | None
    """When it is resumed by itself; None: not before somebody resumes it."""
    paused_reason: str | None
    """`paused` by a person, or `poisoned`: a run of it lost its instance three times in a row."""
    generation: int
    """Rises with every change of what the job may fire."""
    handler: str
    """What its handler goes by, if it was added or changed at run time; else empty."""
    undeclared_since: datetime | None
    """When it was noted that no instance at work declares it or has its handler."""

    @classmethod
    def of(cls, job: JobRecord, definition: str | None) -> JobInfo:
        """One job that cannot be read, such as a newer version's, never hides the others."""
        schedule = _schedule(definition)
        expected = None if job.paused else job.expected
        return cls(
            name=job.name,
            program=job.program,
            state=job.state.value,
            schedule=_written(schedule.to_definition()) if schedule else "",
            description=schedule.describe() if schedule else UNREADABLE,
            schedule_values=schedule.to_definition() if schedule else None,
            next_fire=_moment(expected and expected.fire_time),
            next_due=_moment(expected and expected.due),
            jitter_s=_jitter_s(definition),
            watermark=_moment(job.watermark),
            active=job.active,
            paused_by=job.paused_by,
            paused_why=job.paused_why,
            paused_until=_moment(job.paused_until),
            paused_reason=job.paused_reason and job.paused_reason.value,
            generation=job.generation,
            handler=job.handler,
            undeclared_since=_moment(job.undeclared_since),
        )


@dataclass(frozen=True, slots=True)
class JobMark:
    """What tells whether anything has changed of a job or its runs: two that are equal say no.

    Of a job that has active runs also those must be looked at.
    """

    name: str
    state: str
    generation: int
    expected: Instant
    watermark: Instant
    active: int
    is_declared: bool

    @classmethod
    def of(cls, job: JobRecord) -> JobMark:
        return cls(
            job.name,
            job.state.value,
            job.generation,
            job.expected.fire_time if job.expected else -1,
            job.watermark,
            job.active,
            job.undeclared_since is None,
        )


def _schedule(definition: str | None) -> Schedule | None:
    try:
        return schedule_from_definition(decode_schedule(definition or ""))
    except (StoreError, InvalidScheduleError):
        return None


def _jitter_s(definition: str | None) -> float:
    try:
        return decode_jitter_ms(definition or "") / 1000
    except StoreError:
        return 0


def _written(definition: Mapping[str, str | int]) -> str:
    """A schedule as short as people write it."""
    match definition["kind"]:
        case "cron":
            zone = definition["tz"]
            return f"{definition['expression']}" + ("" if zone == "UTC" else f" ({zone})")
        case "every":
            return f"every {timedelta(milliseconds=int(definition['interval_ms']))}"
        case _:
            return f"at {moment(int(definition['fire_time_ms'])).isoformat()}"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run."""

    id: str
    job: str
    kind: str
    state: str
    fire_time: datetime
    attempt: int
    losses: int
    """How many dead sessions in a row have lost it."""
    instance: str
    created_at: datetime
    not_before: datetime
    claimed_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    late_outcome: str | None
    error: str
    reason: str | None
    """Why it was skipped."""
    cancel_asked_at: datetime | None
    """When its instance was asked to cancel it, which takes until the handler has ended."""
    shard: int | None
    """Which shard of its tick it is, from 0; None for a run that is no shard."""
    shards: int
    """How many shards it has, or of how many it is one; 1 without."""
    tally: Mapping[str, int] | None
    """Of one that has shards: how many of them have ended, by outcome, the worst last."""

    @classmethod
    def of(cls, run: RunRecord) -> RunInfo:
        return cls(
            id=str(run.id),
            job=run.id.job,
            kind=run.kind.value,
            state=run.state.value,
            fire_time=moment(run.id.fire_time),
            attempt=run.attempt,
            losses=run.losses,
            instance=run.instance,
            created_at=moment(run.created_at),
            not_before=moment(run.not_before),
            claimed_at=_moment(run.claimed_at),
            started_at=_moment(run.started_at),
            ended_at=_moment(run.ended_at),
            outcome=run.outcome and run.outcome.value,
            late_outcome=run.late_outcome and run.late_outcome.value,
            error=run.error,
            reason=run.reason and run.reason.value,
            cancel_asked_at=_moment(run.cancel_asked_at),
            shard=run.id.shard if run.id.is_shard else None,
            shards=run.shards,
            tally=run.tally and run.tally._asdict(),
        )


@dataclass(frozen=True, slots=True)
class GapInfo:
    """A row of skipped ticks."""

    job: str
    first: datetime
    last: datetime
    count: int
    """Exact up to 10,000; 10,001 means more."""
    reason: str
    recorded_at: datetime
    """When it was found that they were skipped, or the last of them was."""

    @classmethod
    def of(cls, record: GapRecord) -> GapInfo:
        gap = record.gap
        return cls(
            record.job,
            moment(gap.first),
            moment(gap.last),
            gap.count,
            gap.reason.value,
            moment(record.recorded_at),
        )


@dataclass(frozen=True, slots=True)
class Latest:
    """What became last of a job, the newest first."""

    runs: list[RunInfo]
    gaps: list[GapInfo]


@dataclass(frozen=True, slots=True)
class InstanceInfo:
    """An instance at work, or one that was and has not left."""

    id: str
    label: str
    program: str
    joined_at: datetime
    expires_at: datetime
    held: int
    """How many runs it holds."""
    tzdata: str
    """The version of the zone rules that it uses."""
    silent_since: datetime | None = None
    """When its lease was over without a word of it: it is not at work. None while it is."""

    @classmethod
    def of(cls, record: InstanceRecord, now: Instant) -> InstanceInfo:
        """As it is at an instant by the store's clock."""
        return cls(
            record.session,
            record.label,
            record.program,
            moment(record.joined_at),
            moment(record.expires_at),
            record.held,
            record.tzdata,
            moment(record.expires_at) if record.expires_at <= now else None,
        )


@dataclass(frozen=True, slots=True)
class AuditInfo:
    """What an operator did."""

    at: datetime
    verb: str
    job: str
    who: str
    why: str

    @classmethod
    def of(cls, record: AuditRecord) -> AuditInfo:
        return cls(moment(record.at), record.verb, record.job, record.who, record.why)


@dataclass(frozen=True, slots=True)
class Adoption:
    """What the adoption of a store came to."""

    store_id: str
    epoch: int
    jobs_settled: int
    """How many jobs expected ticks up to now, which are gaps."""
    runs_cancelled: int
    """How many runs nobody had started."""


@dataclass(frozen=True, slots=True)
class FaultInfo:
    """Something on record that is not as it must be."""

    kind: str
    where: str
    what: str
    repair: str
    """What a repair does, or what a person must do."""
    mended: bool


@dataclass(frozen=True, slots=True)
class TriggeredRun:
    """The run that a trigger made."""

    run: str
    state: str
    """`pending`, `sharded` if its shards are, or `waiting` while its job is at its limit."""
    paused: bool
    """Its job is paused; the run goes on all the same."""


@dataclass(frozen=True, slots=True)
class BackfillInfo:
    """What a back-fill came to, or under `dry_run` would come to."""

    job: str
    fire_times: int
    """How many lie in the span and will not become ticks any more."""
    first: datetime | None
    last: datetime | None
    made: int
    """How many runs were made, or would be."""
    had_run: int
    """How many were passed over because they have run, or are about to."""
    unrecorded: int
    """How many of those have runs that are kept no more; `again` runs them once more."""
    dry_run: bool
    paused: bool
    """The job is paused; the runs go on all the same."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the store answers and claims are being made."""

    store: str
    """The store's URL, its password masked."""
    store_id: str
    epoch: int
    ready: bool
    detail: str
    """Why it is not ready; empty when it is."""
    promise: Promise | None
    """What the store could promise when it was last asked; None before it was."""
    backlog: str = ""
    """What has been due for too long, and why: more is due than is started.

    Empty if nothing is, and while `ready` is false.
    """
    only_looks: bool = False
    """This process shows the store and is no instance: ready while that answers, and claims nothing."""
