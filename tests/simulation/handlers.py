"""Handlers: how long they take and how they end follows from the run alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Protocol, TypeAlias

from cronfleet.context import RunContext
from cronfleet.engine.known import Handler
from tests.simulation import fibres
from tests.simulation.case import Job
from tests.simulation.clocks import ProcessClock
from tests.simulation.effects import Effect, Effects
from tests.simulation.links import Link

Broken: TypeAlias = Callable[[str, str], None]


class Instance(Protocol):
    """The process that a handler is at work in."""

    clock: ProcessClock
    link: Link
    ttl_ms: int

    @property
    def who(self) -> str: ...

    def may_not_have_heard(self) -> bool: ...


LOOK_S = 0.5
"""How often a plain handler looks whether it is wanted any more."""


def handler_of(job: Job, process: Instance, effects: Effects, broken: Broken) -> Handler:
    """The job's handler in one process, its effects told."""

    def entered(run: RunContext) -> Effect:
        has_slept = process.clock.has_slept_within(process.ttl_ms)
        effect = effects.enter(run, process.who, job, process.may_not_have_heard)
        found = effects.broken(effect, has_seen=process.link.has_seen, has_slept=has_slept)
        for rule, how in found:
            broken(rule, how)
        return effect

    async def handler(run: RunContext) -> None:
        effect = entered(run)
        try:
            await _work(job, run)
        except BaseException as error:
            effects.end(effect, "cancelled" if _is_cancel(error) else "failed")
            raise
        effects.end(effect, "succeeded")

    def plain(run: RunContext) -> None:
        effect = entered(run)
        try:
            _work_in_thread(job, run)
        except BaseException:
            effects.end(effect, "failed")
            raise
        effects.end(effect, "succeeded")

    return named(plain if job.plain else handler, job)


def named(handler: Handler, job: Job) -> Handler:
    """By its name every instance finds it."""
    handler.__name__ = f"handle-{job.name}"
    return handler


def idle(job: Job) -> Handler:
    """The same where it is never entered."""

    async def handler(_: RunContext) -> None: ...

    def plain(_: RunContext) -> None: ...

    return named(plain if job.plain else handler, job)


async def _work(job: Job, run: RunContext) -> None:
    chance = _chance(run)
    span_s = chance.random() * job.takes / 1000
    ends_at = asyncio.get_running_loop().time() + span_s
    try:
        await asyncio.sleep(span_s)
    except asyncio.CancelledError:
        left_s = ends_at - asyncio.get_running_loop().time()
        if not job.stubborn or left_s <= 0:
            raise
        await asyncio.sleep(left_s)
    _fail(job, chance)


def _work_in_thread(job: Job, run: RunContext) -> None:
    chance = _chance(run)
    left_s = chance.random() * job.takes / 1000
    while left_s > 0 and (job.stubborn or not run.lost.is_set()):
        fibres.sleep(min(left_s, LOOK_S))
        left_s -= LOOK_S
    _fail(job, chance)


def _fail(job: Job, chance: Random) -> None:
    if chance.random() < job.fails:
        raise chance.choice([OSError("no line"), SystemExit(3)])


def _is_cancel(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError)


def _chance(run: RunContext) -> Random:
    return Random(f"{run.run_id} {run.attempt}")
