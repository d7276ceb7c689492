"""From a handler and its options, as a user writes them, to a job that an instance can run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import NoneType
from typing import Any, Literal, TypeAlias, TypedDict, TypeVar, cast

from cronfleet import model
from cronfleet.definition import decode, digest, encode
from cronfleet.engine.isolated.address import address_of
from cronfleet.engine.known import Handler, Isolated, KnownJob
from cronfleet.errors import InvalidJobError
from cronfleet.model import JobDefinition, Misfire, OnLost, Overlap
from cronfleet.policy import Plan
from cronfleet.run_id import JOB_NAME
from cronfleet.schedule import Schedule
from cronfleet.store import MOST_SHARDS


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after a failure or a time-out: so often, and after longer and longer delays."""

    attempts: int = 3
    """Handler calls in all, the first included."""
    first: timedelta = timedelta(seconds=10)
    factor: float = 2
    most: timedelta = timedelta(minutes=10)
    jitter: float = 0.1
    """The delay is spread by this share, to both sides."""
    on: tuple[type[BaseException], ...] = (Exception,)
    """The exceptions that are worth another attempt; a time-out always is."""


@dataclass(frozen=True, slots=True)
class History:
    """How many ended runs are kept, and for how long; whichever bound is passed first counts."""

    successes: int = 100
    failures: int = 500
    age: timedelta = timedelta(days=30)


class JobOptions(TypedDict, total=False):
    """What `Scheduler.job` takes beside the schedule. All have defaults."""

    args: Mapping[str, Any]
    """Plain JSON values, handed to the handler as `run.args`."""
    on_lost: Literal["abandon", "rerun"]
    """`rerun` declares the handler idempotent: a lost run is started again."""
    overlap: Literal["skip", "wait", "wait_all", "replace", "allow"]
    """What becomes of a tick that is due while the job is active: it is skipped, waits in the
    place of one that waited before, waits behind those, waits until the tick under way has been
    cancelled, or runs beside the others."""
    max_active: int
    """How many of its runs may be under way at once, over the whole fleet (1)."""
    misfire: Literal["latest", "all", "skip"]
    """What becomes of ticks that come late: run the newest, run all, run none."""
    misfire_grace: timedelta
    """How late a tick may be and still run (1 h)."""
    max_catch_up: int
    """How many late ticks `misfire="all"` runs at the most (100)."""
    retry: Retry | None
    timeout: timedelta | None
    """The handler is cancelled after so long; not for threads, which cannot be stopped."""
    jitter: timedelta | None
    """Each tick is due later by a part of this that depends on job and fire time."""
    shards: int
    """Each tick makes so many runs (1), told apart by `run.shard`, for any instances."""
    history: History
    isolation: Literal["process"] | None
    """`process`: the handler runs in a process of its own, and is killed with it when it must end."""
    memory_limit_mb: int | None
    """How much memory of its own that process, and each that it starts, may have; on Linux."""


MOST_ACTIVE = 1_000_000
LONGEST_SPAN = timedelta(days=36_500)
"""So far ahead an instant can still be written down."""

Choice = TypeVar("Choice", bound=StrEnum)


def known_job(
    handler: Handler, schedule: Schedule, name: str | None, options: JobOptions
) -> KnownJob:
    """Check all of it. Raises InvalidJobError that says what to write instead."""
    job = name if name is not None else str(getattr(handler, "__name__", ""))
    _check_types(job, handler, schedule, options)
    is_coroutine = _is_coroutine(handler)
    retry = options.get("retry")
    schedule = schedule.for_job(job)
    definition = _definition(job, schedule, options)
    isolated = _isolated(job, handler, options)
    _check(definition, can_be_stopped=is_coroutine or isolated is not None)
    text = encode(definition)
    return KnownJob(
        plan=Plan(decode(text), schedule),  # Its arguments are as other instances read them.
        json=text,
        digest=digest(text),
        handler=handler,
        is_coroutine=is_coroutine,
        retry_on=retry.on if retry else (),
        isolated=isolated,
    )


def with_handler(job: KnownJob, handler: Handler) -> KnownJob:
    """The same job with this handler, in this process: for simulated time.

    Raises InvalidJobError.
    """
    _check_handler(job.definition.name, handler)
    return replace(job, handler=handler, is_coroutine=_is_coroutine(handler), isolated=None)


def _is_coroutine(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - an object may be a handler
    )


def options_of(definition: JobDefinition) -> JobOptions:
    """The options of which `known_job` makes this definition."""
    retry, history = definition.retry, definition.history
    options = JobOptions(
        args=definition.args,
        on_lost=definition.on_lost.value,
        overlap=definition.overlap.value,
        max_active=definition.max_active,
        misfire=definition.misfire.value,
        misfire_grace=_span(definition.misfire_grace_ms),
        max_catch_up=definition.max_catch_up,
        timeout=None if definition.timeout_ms is None else _span(definition.timeout_ms),
        jitter=_span(definition.jitter_ms) if definition.jitter_ms else None,
        shards=definition.shards,
        history=History(history.successes, history.failures, _span(history.age_ms)),
        retry=None,
    )
    if retry:
        first, most = _span(retry.first_ms), _span(retry.most_ms)
        options["retry"] = Retry(retry.attempts, first, retry.factor, most, retry.jitter)
    return options


def isolation_of(job: KnownJob | None) -> JobOptions:
    """How its handler is carried out: options that are no part of the definition."""
    if job is None or job.isolated is None:
        return JobOptions()
    return JobOptions(isolation="process", memory_limit_mb=job.isolated.memory_limit_mb)


_Types: TypeAlias = Mapping[str, tuple[type, ...]]

_OPTION_TYPES: _Types = {
    "args": (Mapping, NoneType),
    "max_active": (int,),
    "misfire_grace": (timedelta,),
    "max_catch_up": (int,),
    "retry": (Retry, NoneType),
    "timeout": (timedelta, NoneType),
    "jitter": (timedelta, NoneType),
    "shards": (int,),
    "history": (History,),
    "isolation": (str, NoneType),
    "memory_limit_mb": (int, NoneType),
}
_RETRY_TYPES: _Types = {
    "attempts": (int,),
    "first": (timedelta,),
    "factor": (int, float),
    "most": (timedelta,),
    "jitter": (int, float),
    "on": (tuple,),
}
_HISTORY_TYPES: _Types = {"successes": (int,), "failures": (int,), "age": (timedelta,)}


def _check_types(job: str, handler: object, schedule: object, options: JobOptions) -> None:
    """For those who write without a type checker."""
    if not isinstance(schedule, Schedule):
        raise InvalidJobError(
            job, f"{schedule!r} is no schedule: write cron(...), every(...), at(...)"
        )
    for name, value in options.items():
        if name not in JobOptions.__annotations__:
            raise InvalidJobError(job, f"there is no option {name!r}")
        _check_type(job, name, value, _OPTION_TYPES.get(name, (str,)))
    _check_fields(job, "retry", options.get("retry"), _RETRY_TYPES)
    _check_fields(job, "history", options.get("history"), _HISTORY_TYPES)
    _check_exceptions(job, options.get("retry"))
    _check_handler(job, handler)


def _check_handler(job: str, handler: object) -> None:
    try:
        inspect.signature(cast("Callable[..., object]", handler)).bind(object())
    except (TypeError, ValueError):
        raise InvalidJobError(job, "its handler must take one argument, the RunContext") from None


def _check_fields(job: str, option: str, value: object, types: _Types) -> None:
    for name in types if value is not None else ():
        _check_type(job, f"{option}.{name}", getattr(value, name), types[name])


def _check_type(job: str, name: str, value: object, types: tuple[type, ...]) -> None:
    if not isinstance(value, types) or isinstance(value, bool):
        wanted = " or ".join("None" if each is NoneType else each.__name__ for each in types)
        raise InvalidJobError(job, f"{name}={value!r} must be a {wanted}")


def _check_exceptions(job: str, retry: Retry | None) -> None:
    for each in cast("tuple[object, ...]", retry.on) if retry else ():
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise InvalidJobError(job, f"retry.on has {each!r}, which is no exception's class")


def _isolated(job: str, handler: Handler, options: JobOptions) -> Isolated | None:
    isolation, limit = options.get("isolation"), options.get("memory_limit_mb")
    if isolation not in {None, "process"}:
        raise InvalidJobError(job, f"isolation={isolation!r} is not one of None, 'process'")
    if limit is not None and (isolation is None or limit < 1):
        raise InvalidJobError(
            job, 'memory_limit_mb must be at least 1, and needs isolation="process"'
        )
    return Isolated(address_of(handler, job), limit) if isolation else None


def _definition(job: str, schedule: Schedule, options: JobOptions) -> JobDefinition:
    retry = options.get("retry")
    history = options.get("history", History())
    timeout, jitter = options.get("timeout"), options.get("jitter")
    return JobDefinition(
        name=job,
        schedule=schedule.to_definition(),
        args=dict(options.get("args") or {}),
        on_lost=_choice(job, "on_lost", OnLost, options.get("on_lost", OnLost.ABANDON)),
        overlap=_choice(job, "overlap", Overlap, options.get("overlap", Overlap.SKIP)),
        max_active=options.get("max_active", 1),
        misfire=_choice(job, "misfire", Misfire, options.get("misfire", Misfire.LATEST)),
        misfire_grace_ms=_ms(options.get("misfire_grace", timedelta(hours=1))),
        max_catch_up=options.get("max_catch_up", 100),
        retry=_retry(retry) if retry else None,
        timeout_ms=None if timeout is None else _ms(timeout),
        jitter_ms=0 if jitter is None else _ms(jitter),
        history=model.History(history.successes, history.failures, _ms(history.age)),
        shards=options.get("shards", 1),
    )


def _retry(retry: Retry) -> model.Retry:
    return model.Retry(
        retry.attempts, _ms(retry.first), float(retry.factor), _ms(retry.most), float(retry.jitter)
    )


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def _span(ms: int) -> timedelta:
    return timedelta(milliseconds=ms)


def _choice(job: str, option: str, enum: type[Choice], value: str) -> Choice:
    try:
        return enum(value)
    except ValueError:
        known = ", ".join(repr(str(each)) for each in enum)
        raise InvalidJobError(job, f"{option}={value!r} is not one of {known}") from None


def _check(definition: JobDefinition, *, can_be_stopped: bool) -> None:
    for is_wrong, hint in (
        (
            not JOB_NAME.fullmatch(definition.name),
            "a name has 1 to 128 of the characters A-Z a-z 0-9 . _ : / -; give one with name=...",
        ),
        (
            not 1 <= definition.max_active <= MOST_ACTIVE,
            f'max_active must be between 1 and {MOST_ACTIVE}; overlap="allow" sets no limit',
        ),
        (definition.max_catch_up < 1, "max_catch_up must be at least 1"),
        (definition.misfire_grace_ms < 1_000, "misfire_grace must be at least 1 s"),
        (definition.jitter_ms < 0, "jitter must not be negative"),
        (
            definition.misfire is Misfire.ALL and definition.overlap not in _ALL_RUN,
            'misfire="all" makes several runs at once: it needs overlap="wait_all" or overlap="allow"',
        ),
        (
            definition.overlap is Overlap.ALLOW and definition.max_active != 1,
            'overlap="allow" sets no limit: leave max_active out, or write overlap="wait_all"',
        ),
        (
            definition.timeout_ms is not None and definition.timeout_ms < 1,
            "timeout must be above 0",
        ),
        (
            max(definition.timeout_ms or 0, definition.misfire_grace_ms) > _ms(LONGEST_SPAN),
            f"timeout and misfire_grace must not be above {LONGEST_SPAN.days} days",
        ),
        (
            min(astuple(definition.history)) < 0,
            "history keeps 0 runs at least, for no time at least",
        ),
        (
            definition.timeout_ms is not None and not can_be_stopped,
            'timeout needs an async def handler, or isolation="process": a thread cannot be stopped',
        ),
        (
            definition.overlap is Overlap.REPLACE and not can_be_stopped,
            'overlap="replace" needs an async def handler, or isolation="process": a thread cannot be stopped',
        ),
        (
            not 1 <= definition.shards <= MOST_SHARDS,
            f"shards must be between 1 and {MOST_SHARDS}: they are made in one step",
        ),
        (not _is_sound(definition.retry), _RETRY_HINT),
    ):
        if is_wrong:
            raise InvalidJobError(definition.name, hint)


_ALL_RUN = frozenset({Overlap.WAIT_ALL, Overlap.ALLOW})
"""Where none of several due ticks takes another's place."""

_RETRY_HINT = (
    "retry needs attempts of at least 2, delays above 0 with most >= first, a factor of at least "
    "1 and a jitter from 0 to below 1"
)


def _is_sound(retry: model.Retry | None) -> bool:
    return retry is None or (
        retry.attempts >= 2
        and 0 < retry.first_ms <= retry.most_ms
        and retry.factor >= 1
        and 0 <= retry.jitter < 1
    )
