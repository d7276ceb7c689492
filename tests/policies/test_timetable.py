"""Pauses, skipped ticks, jitter and back-fills: random histories against the slow reference."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cronfleet import verbs
from cronfleet.backfilling import span_of
from cronfleet.clock import ManualClock
from cronfleet.context import RunContext
from cronfleet.engine.choice import Chooser
from cronfleet.engine.declaring import declare
from cronfleet.engine.known import KnownJob
from cronfleet.engine.ranking import Ranking
from cronfleet.engine.seats import Free
from cronfleet.model import JobRecord, Kind, Outcome, SessionId
from cronfleet.registry import JobOptions, known_job
from cronfleet.schedule import every
from cronfleet.store import Granted
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing.samples import (
    NOON,
    PROGRAM,
    START,
    completed,
    join,
    order,
    renew,
    started,
    the_job,
)
from tests.policies.timetable import EVERY_S, GRACE_S, RAN, Day, Order, Timetable

SECONDS = 120
DO = {Order.PAUSE: verbs.pause, Order.RESUME: verbs.resume, Order.SKIP_NEXT: verbs.skip_next}


async def handler(run: RunContext) -> None: ...


def job(jitter_s: int) -> KnownJob:
    jitter = timedelta(seconds=jitter_s) if jitter_s else None
    options = JobOptions(misfire_grace=timedelta(seconds=GRACE_S), jitter=jitter)
    return known_job(handler, every(timedelta(seconds=EVERY_S)), "report", options)


def lateness(jitter_s: int) -> dict[int, float]:
    """By how much each tick is due after its fire time, as any instance computes it."""
    plan, fires = job(jitter_s).plan, range(EVERY_S, SECONDS + 100 * EVERY_S, EVERY_S)
    return {fire: (plan.fire(instant(fire)).due - instant(fire)) / 1_000 for fire in fires}


class Fleet:
    """A store in memory, and an instance that looks in some seconds; its runs take no time."""

    def __init__(self, day: Day, jitter_s: int = 0) -> None:
        self.job = job(jitter_s)
        self.day = day
        self.clock = ManualClock(START)
        self.store = MemoryStore(self.clock)
        self.session = SessionId("")

    async def live(self) -> dict[int, str]:
        self.session = await join(self.store, "anna")
        await declare(self.store, self.session, PROGRAM, {"report": self.job}, NOON)
        for now in range(1, self.day.seconds + 1):
            self.clock.advance(timedelta(seconds=1))
            renew(self.store, self.session)
            for each in self.day.orders.get(now, ()):
                await DO[each](self.store, "report", order())
            if now in self.day.looks:
                await self.look()
        return await self.fates()

    async def look(self) -> None:
        chooser = Chooser({"report": self.job}, Ranking(self.session, {self.session}))
        items = chooser.choose(await self.store.peek(PROGRAM, limit=9), Free(9, 9)).items
        for answer in await self.store.claim(self.session, items):
            if isinstance(answer, Granted):
                claim = await started(self.store, self.session, answer.claim)
                await completed(self.store, claim, Outcome.SUCCEEDED)

    async def fates(self) -> dict[int, str]:
        runs = await self.store.runs("report", limit=1_000)
        fates = {second(run.id.fire_time): RAN for run in runs}
        for record in await self.store.gaps("report", limit=1_000):
            gap = record.gap
            fires = range(second(gap.first), second(gap.last) + 1, EVERY_S)
            assert gap.count == len(fires)
            assert fates.keys().isdisjoint(fires), "settled twice"
            fates |= dict.fromkeys(fires, gap.reason.value)
        return fates

    async def filled(self, first: int, last: int) -> list[int]:
        job: JobRecord = await the_job(self.store)
        span = await span_of(self.store, job, instant(first), instant(last), again=False)
        await verbs.backfill(self.store, "report", span, order(), again=False)
        runs = await self.store.runs("report", limit=1_000)
        return sorted(second(run.id.fire_time) for run in runs if run.kind is Kind.BACKFILL)


def second(at: int) -> int:
    return (at - NOON) // 1_000


def instant(at: int) -> int:
    return NOON + at * 1_000


orders = st.dictionaries(
    st.integers(1, SECONDS), st.lists(st.sampled_from(Order), min_size=1, max_size=2), max_size=8
)
often = st.frozensets(st.integers(1, SECONDS), max_size=40)
days = st.builds(Day, st.just(SECONDS), orders, often | st.just(frozenset(range(SECONDS + 1))))


@settings(max_examples=120)
@given(days)
def test_what_becomes_of_each_tick_amid_pauses_and_skips_is_what_the_slow_reference_says(
    day: Day,
) -> None:
    assert asyncio.run(Fleet(day).live()) == Timetable(day).live()


@pytest.mark.parametrize("jitter_s", [1, 7, 60])
def test_jitter_delays_a_tick_by_less_than_itself_and_never_to_the_next_one(jitter_s: int) -> None:
    late = lateness(jitter_s).values()
    assert all(0 <= each < min(jitter_s, EVERY_S) for each in late)
    assert len(set(late)) > 1


@settings(max_examples=100)
@given(days, st.sampled_from([1, 7, 60]))
def test_with_jitter_too_and_a_tick_keeps_its_fire_time(day: Day, jitter_s: int) -> None:
    day = replace(day, late=lateness(jitter_s))
    assert asyncio.run(Fleet(day, jitter_s).live()) == Timetable(day).live()


@settings(max_examples=150)
@given(days, st.integers(-100, SECONDS), st.integers(0, 2 * SECONDS))
def test_a_back_fill_runs_what_has_not_run_and_is_no_ticks_to_come_and_no_more_the_second_time(
    day: Day, first: int, span_s: int
) -> None:
    async def live() -> None:
        fleet, reference = Fleet(day), Timetable(day)
        await fleet.live()
        reference.live()
        wanted = reference.filled(first, first + span_s, SECONDS)
        assert await fleet.filled(first, first + span_s) == wanted
        assert await fleet.filled(first, first + span_s) == wanted

    asyncio.run(live())
