"""What is wrong, if anything is: the store and this instance's part of the fleet, looked at."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cronfleet.clock import Clock
from cronfleet.errors import StoreError, StoreRefusedError, StoreUnavailableError
from cronfleet.info import moment
from cronfleet.model import InstanceRecord, Instant, JobName, JobRecord, ProgramName, Reason
from cronfleet.store import CLOCK_STEP_BACK_MS, Store, StoreInfo

CLOCK_READINGS = 5
NOTED_OFFSET_MS = 1_000
WRONG_OFFSET_MS = 60_000
MOST_NAMED = 100


class Condition(StrEnum):
    """How it stands with one thing."""

    WELL = "well"
    NOTE = "note"
    """It works; a person may want to know this."""
    WRONG = "wrong"
    SETTING = "setting"
    """It cannot work until something is configured differently."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    condition: Condition
    said: str


@dataclass(frozen=True, slots=True)
class Part:
    """What this instance brings to the fleet."""

    program: ProgramName
    jobs: Collection[JobName]
    tzdata: str


async def examine(store: Store, clock: Clock, part: Part) -> list[Finding]:
    """Look at the store and the fleet on it. Changes nothing, and raises no StoreError."""
    try:
        info = await store.open()
    except StoreError as error:
        return [_failure(error, StoreRefusedError, StoreUnavailableError)]
    try:
        return [
            _store(store, info),
            *await _promise(store),
            await _clock(store, clock),
            *await _fleet(store, info, part),
            await _jobs(store, part),
            *await _undeclared(store),
        ]
    except StoreError as error:
        return [_failure(error, StoreRefusedError)]


def _failure(error: StoreError, *settings: type[StoreError]) -> Finding:
    """`settings` are the errors that are for a person to lift."""
    is_setting = isinstance(error, settings)
    return Finding("store", Condition.SETTING if is_setting else Condition.WRONG, str(error))


def _store(store: Store, info: StoreInfo) -> Finding:
    said = f"{store.name}, id {info.id}, epoch {info.epoch}, schema {info.schema}"
    return Finding("store", Condition.WELL, said)


async def _promise(store: Store) -> list[Finding]:
    first, *downgrades = (await store.promise()).lines
    return [
        Finding("promise", Condition.WELL, first),
        *(Finding("weaker", Condition.NOTE, each) for each in downgrades),
    ]


async def _clock(store: Store, clock: Clock) -> Finding:
    """By how much the store's clock is ahead of this machine's; the round trip is the doubt."""
    readings = [await _reading(store, clock) for _ in range(CLOCK_READINGS)]
    doubt_ms, ahead_ms = min(readings)
    said = f"the store's is {ahead_ms:+.1f} ms ± {doubt_ms:.1f} ms from this machine's"
    sure_ms = abs(ahead_ms) - doubt_ms
    if sure_ms > WRONG_OFFSET_MS:
        return Finding("clock", Condition.WRONG, f"{said}: ticks go by the store's; set both right")
    if sure_ms > NOTED_OFFSET_MS:
        return Finding("clock", Condition.NOTE, f"{said}; ticks go by the store's")
    return Finding("clock", Condition.WELL, said)


async def _reading(store: Store, clock: Clock) -> tuple[float, float]:
    began, sent_at = clock.wall_ms(), clock.boot_ms()
    now = (await store.open()).now
    took_ms = clock.boot_ms() - sent_at
    # All are read in whole milliseconds: that is the least doubt there is.
    return took_ms / 2 + 1, now - began - took_ms / 2


async def _fleet(store: Store, info: StoreInfo, part: Part) -> list[Finding]:
    instances = await store.instances()
    return [await _instances(store, instances, info), _tzdata(instances, part)]


async def _instances(store: Store, instances: list[InstanceRecord], info: StoreInfo) -> Finding:
    alive = [each for each in instances if each.expires_at > info.now]
    silent = [each.label for each in instances if each.expires_at <= info.now]
    if not alive:
        return await _nobody(store, silent)
    said = f"{len(alive)} at work ({_some([each.label for each in alive])}){_silent(silent)}"
    return Finding("instances", Condition.NOTE if silent else Condition.WELL, said)


async def _nobody(store: Store, silent: list[str]) -> Finding:
    """A fleet that is only being set up has no jobs: nothing is amiss yet."""
    async for job in _every_job(store):
        if job.expected is not None and not job.paused and not job.removed:
            said = f"none is at work, and jobs are scheduled: no tick is started{_silent(silent)}"
            return Finding("instances", Condition.WRONG, f"{said}; start one, as by cronfleet run")
    said = f"none is at work: no tick is started{_silent(silent)}"
    return Finding("instances", Condition.NOTE, said)


def _silent(labels: list[str]) -> str:
    return f"; silent for longer than their TTL: {_some(labels)}" if labels else ""


def _tzdata(instances: list[InstanceRecord], part: Part) -> Finding:
    newest = max([part.tzdata, *(each.tzdata for each in instances)])
    if newest == part.tzdata:
        return Finding("tzdata", Condition.WELL, f"{part.tzdata}, the newest of the fleet")
    said = (
        f"{part.tzdata} here, and the fleet has {newest}: an instance here leaves all jobs with "
        "a time zone to the others; pip install --upgrade tzdata"
    )
    return Finding("tzdata", Condition.WRONG, said)


async def _jobs(store: Store, part: Part) -> Finding:
    """Whether the names of this program's jobs are its own, known to the store, and not ahead."""
    jobs = {name: await store.job(name) for name in sorted(part.jobs)}
    known = [job for job in jobs.values() if job is not None]
    if foreign := [
        f"{job.name} (of {job.program!r})" for job in known if job.program != part.program
    ]:
        said = (
            f"taken by another program than {part.program!r}: {_some(foreign)}; rename them, or "
            "use another CRONFLEET_FLEET"
        )
        return Finding("jobs", Condition.SETTING, said)
    if missing := [name for name, job in jobs.items() if job is None]:
        said = (
            f"not in the store: {_some(missing)}; no instance has declared them in it, or it was "
            "emptied or replaced since"
        )
        return Finding("jobs", Condition.NOTE, said)
    return _poisoned(known) or await _ahead(store, known) or await _overdue(store, part)


async def _ahead(store: Store, jobs: list[JobRecord]) -> Finding | None:
    soon = (await store.open()).now + CLOCK_STEP_BACK_MS
    ahead = [f"{job.name} (up to {_at(job.watermark)})" for job in jobs if job.watermark > soon]
    if not ahead:
        return None
    said = (
        f"settled up to an instant in the future, and not run until then: {_some(ahead)}; the "
        "store's clock was ahead: see that it is right, then cronfleet store check --repair"
    )
    return Finding("jobs", Condition.WRONG, said)


def _poisoned(jobs: list[JobRecord]) -> Finding | None:
    """A job that kills its instances: it stays paused until a person has looked."""
    poisoned = [job for job in jobs if job.paused_reason is Reason.POISONED]
    if not poisoned:
        return None
    said = "; ".join(f"{job.name} is poisoned: {job.paused_why}" for job in poisoned)
    return Finding("jobs", Condition.WRONG, f"{said}; mend it, then `cronfleet resume` it")


async def _overdue(store: Store, part: Part) -> Finding:
    seen = await store.peek(part.program, limit=1)
    known = f"{len(part.jobs)} of program {part.program!r}"
    oldest = next(iter(seen.due), None)
    if oldest is None or seen.now - oldest.expected.due < WRONG_OFFSET_MS:
        return Finding("jobs", Condition.WELL, f"{known}, none overdue")
    late = timedelta(seconds=(seen.now - oldest.expected.due) // 1000)
    said = f"{known}; {oldest.job} has been due since {_at(oldest.expected.due)} ({late})"
    return Finding("jobs", Condition.NOTE, said)


async def _undeclared(store: Store) -> list[Finding]:
    """Jobs of any program that no instance at work can run, as one of those has noted."""
    names: list[str] = []
    async for job in _every_job(store):
        if len(names) == MOST_NAMED:
            break
        if job.undeclared_since is not None and not job.removed:
            names.append(job.name)
    if not names:
        return []
    said = (
        f"no instance at work declares them or has their handler: {_some(names)}; a day after "
        "that was noted they are removed"
    )
    return [Finding("undeclared", Condition.NOTE, said)]


async def _every_job(store: Store) -> AsyncGenerator[JobRecord]:
    """Of all programs, by name; removed ones, too."""
    after = ""
    while page := await store.jobs(after=after):
        for job in page:
            yield job
        after = page[-1].name


def _at(instant: Instant) -> str:
    return moment(instant).isoformat(timespec="seconds").replace("+00:00", "Z")


def _some(names: list[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
