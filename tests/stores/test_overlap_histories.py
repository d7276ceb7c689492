"""Each overlap policy against a slow reference, over random histories in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import NamedTuple, TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from cronfleet.clock import ManualClock
from cronfleet.context import RunContext
from cronfleet.engine.choice import Chooser
from cronfleet.engine.declaring import declare
from cronfleet.engine.known import KnownJob
from cronfleet.engine.ranking import Ranking
from cronfleet.engine.seats import Free
from cronfleet.model import Claim, Misfire, Outcome, Overlap, RunRecord, RunState, SessionId
from cronfleet.registry import JobOptions, known_job
from cronfleet.schedule import every
from cronfleet.store import CancelAsked, Granted
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing.conformance.cancels import cancels
from cronfleet.testing.samples import (
    NOON,
    PROGRAM,
    START,
    completed,
    join,
    started,
    triggered,
)

EVERY_S = 10
SECONDS = 150
Fate: TypeAlias = tuple[str, int]
"""What became of a tick or a run: `started` and in which second, or why it was not."""


@dataclass(frozen=True)
class World:
    """A job, and what befalls it; all times are seconds after the beginning."""

    overlap: Overlap
    misfire: Misfire
    limit: int
    grace_s: int
    catch_up: int
    durations: Sequence[int]
    triggers: Sequence[int]
    away: frozenset[int]
    """Seconds in which nobody looks."""
    lingers_s: int
    """How long a run goes on when it is cancelled, from the second after that."""

    def takes(self, start: int) -> int:
        """How long a run that is started in this second lasts."""
        return self.durations[start % len(self.durations)]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    overlap = draw(st.sampled_from(Overlap))
    may_run_all = overlap in {Overlap.WAIT_ALL, Overlap.ALLOW}
    naps = draw(st.lists(st.tuples(st.integers(1, SECONDS), st.integers(1, 60)), max_size=2))
    return World(
        overlap=overlap,
        misfire=draw(st.sampled_from([m for m in Misfire if may_run_all or m is not Misfire.ALL])),
        limit=1 if overlap is Overlap.ALLOW else draw(st.integers(1, 3)),
        grace_s=draw(st.sampled_from([5, 20, 45, 3_600])),
        catch_up=draw(st.sampled_from([1, 3, 100])),
        durations=draw(st.lists(st.integers(1, 45), min_size=1, max_size=7)),
        triggers=sorted(draw(st.lists(st.integers(1, SECONDS), max_size=4, unique=True))),
        away=frozenset(s for nap, span in naps for s in range(nap, nap + span)),
        lingers_s=draw(st.sampled_from([0, 1, 15])),
    )


# --- the slow reference -----------------------------------------------------------------------


class Waiter(NamedTuple):
    """A run that may have to wait; they sort as they go on."""

    made: int
    fire: int
    number: int
    until: int = SECONDS + 1

    @property
    def name(self) -> str:
        return f"{'manual' if self.number else 'tick'} {self.fire}"


@dataclass
class Reference:
    """The rules, told once more and in seconds."""

    world: World
    fates: dict[str, Fate] = field(default_factory=dict[str, Fate])
    pending: list[str] = field(default_factory=list[str])
    ends: dict[str, int] = field(default_factory=dict[str, int])
    waiting: list[Waiter] = field(default_factory=list["Waiter"])
    """The oldest first."""
    asked: set[str] = field(default_factory=set[str])

    def live(self) -> dict[str, Fate]:
        unsettled: list[int] = []
        for now in range(1, SECONDS + 1):
            unsettled += [now] if now % EVERY_S == 0 else []
            for name in sorted(name for name, end in self.ends.items() if end == now):
                del self.ends[name]
                self.asked.discard(name)
                self.promote(now)
            if now in self.world.triggers:
                self.take(Waiter(now, now, 1))
            if now not in self.world.away:
                self.settle(unsettled, now)
                unsettled = []
                self.start(now)
        return self.fates

    @property
    def has_room(self) -> bool:
        active = len(self.pending) + len(self.ends)
        return self.world.overlap is Overlap.ALLOW or active < self.world.limit

    def take(self, run: Waiter) -> None:
        if self.has_room:
            self.pending.append(run.name)
        else:
            self.waiting = sorted([*self.waiting, run])

    def promote(self, now: int) -> None:
        while self.has_room and self.waiting:
            run = self.waiting.pop(0)
            if run.until < now:
                self.fates[run.name] = "misfire", 0
            else:
                self.pending.append(run.name)

    def settle(self, due: list[int], now: int) -> None:
        grace_s = 60 if self.world.misfire is Misfire.SKIP else self.world.grace_s
        young = [fire for fire in due if now - fire <= grace_s]
        most = self.world.catch_up if self.world.misfire is Misfire.ALL else 1
        for fire in due:
            if fire in young[-most:]:
                self.tick(Waiter(now, fire, 0, until=fire + grace_s))
            else:
                self.fates[f"tick {fire}"] = "misfire", 0

    def tick(self, run: Waiter) -> None:
        if not self.has_room and self.world.overlap is Overlap.SKIP:
            self.fates[run.name] = "overlap", 0
            return
        if not self.has_room and self.world.overlap in {Overlap.WAIT, Overlap.REPLACE}:
            for other in [other for other in self.waiting if other.number == 0]:
                self.waiting.remove(other)
                self.fates[other.name] = "overlap", 0
        if not self.has_room and self.world.overlap is Overlap.REPLACE:
            self.make_way(run.made)
        self.take(run)

    def make_way(self, now: int) -> None:
        """The oldest tick that nobody has asked to end, unless one is on its way already."""
        ticks = [name for name in self.order if name in self.ends or name in self.pending]
        if not ticks or any(name in self.asked for name in ticks):
            return
        oldest = ticks[0]
        if oldest in self.pending:
            self.pending.remove(oldest)
            self.fates[oldest] = "cancelled", 0
            self.promote(now)
        else:
            self.asked.add(oldest)
            self.ends[oldest] = min(self.ends[oldest], now + 1 + self.world.lingers_s)

    @property
    def order(self) -> list[str]:
        """Ticks, the oldest first."""
        return [f"tick {fire}" for fire in range(0, SECONDS + 1, EVERY_S)]

    def start(self, now: int) -> None:
        for name in self.pending:
            self.fates[name] = "started", now
            self.ends[name] = now + self.world.takes(now)
        self.pending = []


# --- the real thing ---------------------------------------------------------------------------


async def handler(run: RunContext) -> None: ...


class Fleet:
    """A store in memory, and an instance that looks once a second."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = ManualClock(START)
        self.store = MemoryStore(self.clock)
        self.ends: dict[Claim, int] = {}
        self.asked: list[CancelAsked] = []
        self.session = SessionId("")
        self.job = self.known()

    def known(self) -> KnownJob:
        options: JobOptions = {
            "overlap": self.world.overlap.value,
            "misfire": self.world.misfire.value,
            "max_active": self.world.limit,
            "misfire_grace": timedelta(seconds=self.world.grace_s),
            "max_catch_up": self.world.catch_up,
        }
        return known_job(handler, every(timedelta(seconds=EVERY_S)), "report", options)

    async def live(self) -> dict[str, Fate]:
        self.session = await join(self.store, "anna")
        await declare(self.store, self.session, PROGRAM, {"report": self.job}, NOON)
        for now in range(1, SECONDS + 1):
            self.clock.advance(timedelta(seconds=1))
            for asked in cancels(self.store, self.session):
                self.cancel(asked, now)
            for claim in sorted((c for c, end in self.ends.items() if end == now), key=_name):
                del self.ends[claim]
                await completed(self.store, claim, Outcome.SUCCEEDED)
            if now in self.world.triggers:
                await triggered(self.store)
            if now not in self.world.away:
                await self.look(now)
        return await self.fates()

    def cancel(self, asked: CancelAsked, now: int) -> None:
        """It lingers from when its instance hears of it for the first time."""
        if asked not in self.asked:
            self.asked.append(asked)
            (claim,) = (claim for claim in self.ends if claim.token == asked.token)
            self.ends[claim] = min(self.ends[claim], now + self.world.lingers_s)

    async def look(self, now: int) -> None:
        chooser = Chooser({"report": self.job}, Ranking(self.session, {self.session}))
        for look in count():
            seen = await self.store.peek(PROGRAM, limit=50)
            items = chooser.choose(seen, Free(1_000, 1_000)).items
            if not items:
                return
            assert look < SECONDS, f"it never ends: {items}"
            for answer in await self.store.claim(self.session, items):
                if isinstance(answer, Granted):
                    await started(self.store, self.session, answer.claim)
                    self.ends[answer.claim] = now + self.world.takes(now)

    async def fates(self) -> dict[str, Fate]:
        runs = await self.store.runs("report", limit=1_000)
        fates = {_name_of(run): fate for run in runs if (fate := _fate(run))}
        for record in await self.store.gaps("report", limit=1_000):
            first, last = _second(record.gap.first), _second(record.gap.last)
            for fire in range(first, last + 1, EVERY_S):
                fates[f"tick {fire}"] = record.gap.reason.value, 0
        return fates


def _fate(run: RunRecord) -> Fate | None:
    if run.reason:
        return run.reason.value, 0
    if run.state is RunState.CANCELLED and run.started_at is None:
        return "cancelled", 0
    return None if run.started_at is None else ("started", _second(run.started_at))


def _name_of(run: RunRecord) -> str:
    return f"{'manual' if run.id.number else 'tick'} {_second(run.id.fire_time)}"


def _name(claim: Claim) -> str:
    return str(claim.run)


def _second(instant: int) -> int:
    return (instant - NOON) // 1_000


@settings(max_examples=300)
@given(worlds())
def test_what_becomes_of_every_tick_is_what_the_slow_reference_says(world: World) -> None:
    fates = asyncio.run(Fleet(world).live())
    expected = Reference(world).live()
    assert fates == expected
