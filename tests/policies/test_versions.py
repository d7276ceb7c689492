"""Versions of a program that come and go: whose definition is in force, and what its ticks do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cronfleet.clock import ManualClock
from cronfleet.context import RunContext
from cronfleet.engine.choice import Chooser
from cronfleet.engine.declaring import declare
from cronfleet.engine.ranking import Ranking
from cronfleet.engine.seats import Free
from cronfleet.model import Outcome, SessionId
from cronfleet.registry import known_job
from cronfleet.schedule import every
from cronfleet.store import Granted
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing.samples import PROGRAM, START, completed, join, renew, started, the_job

PERIODS_S = (5, 7, 7, 12)
"""Of the versions. Two have one schedule."""

LAG_MS = 6_000
"""By so much the time is old by which every other version says where its ticks begin."""


async def handler(run: RunContext) -> None: ...


VERSIONS = [
    known_job(handler, every(timedelta(seconds=period)), "report", {"args": {"version": version}})
    for version, period in enumerate(PERIODS_S)
]


class Act(StrEnum):
    """What an instance does."""

    DECLARE = "declare"
    LEAVE = "leave"
    WORK = "work"
    WAIT = "wait"


class Fleet:
    """At most one instance of each version, on a store in memory."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.store = MemoryStore(self.clock)
        self.open: dict[int, SessionId] = {}
        self.seen: list[int] = []
        """The versions, as they were declared first."""

    async def act(self, version: int, act: Act) -> None:
        match act:
            case Act.WAIT:
                self.wait(1 + 2 * version)
            case Act.DECLARE:
                await self.declare(version)
            case Act.LEAVE:
                if session := self.open.pop(version, None):
                    await self.store.leave(session)
            case Act.WORK:
                await self.work()

    def wait(self, seconds: int) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        for session in self.open.values():
            renew(self.store, session)

    async def declare(self, version: int) -> None:
        """For the first time, or again. What is due stays, and so does a schedule's next tick."""
        if version not in self.open:
            self.open[version] = await join(self.store, f"version {version}")
        self.seen += [version] if version not in self.seen else []
        now, before = self.clock.wall_ms(), await self.store.job("report")
        known, said_at = {"report": VERSIONS[version]}, now - LAG_MS * (version % 2)
        await declare(self.store, self.open[version], PROGRAM, known, said_at)
        after = await the_job(self.store)
        is_due = before and before.expected and before.expected.due <= now
        if before and (is_due or before.schedule_digest == after.schedule_digest):
            assert after.expected == before.expected

    async def work(self) -> None:
        """Whoever has the version in force claims what is due; the handler takes no time."""
        version = await self.in_force() if self.seen else 0
        if version not in self.open:
            return
        session = self.open[version]
        chooser = Chooser({"report": VERSIONS[version]}, Ranking(session, {session}))
        items = chooser.choose(await self.store.peek(PROGRAM, limit=9), Free(9, 9)).items
        for answer in await self.store.claim(session, items):
            assert isinstance(answer, Granted)
            claim = await started(self.store, session, answer.claim)
            await completed(self.store, claim, Outcome.SUCCEEDED)

    @property
    def newest(self) -> int:
        """Of the versions that are open, the one that was seen first last."""
        return max(self.open, key=self.seen.index)

    async def in_force(self) -> int:
        digests = [each.digest for each in VERSIONS]
        return digests.index((await the_job(self.store)).digest)


async def goes_on(fleet: Fleet) -> None:
    """Its next tick comes, and is settled."""
    before = (await the_job(fleet.store)).watermark
    fleet.wait(max(PERIODS_S) + 1)
    await fleet.work()
    assert (await the_job(fleet.store)).watermark > before


def histories(versions: int) -> st.SearchStrategy[list[tuple[int, Act]]]:
    acts = st.tuples(st.integers(0, versions - 1), st.sampled_from([*Act, Act.WORK, Act.WAIT]))
    return st.lists(acts, max_size=30)


@settings(max_examples=250)
@given(histories(2))
@example([(0, Act.DECLARE), (1, Act.DECLARE), (1, Act.LEAVE), (0, Act.DECLARE), (1, Act.DECLARE)])
def test_the_newer_of_two_versions_is_in_force_for_as_long_as_it_is_open(
    acts: Sequence[tuple[int, Act]],
) -> None:
    async def live() -> None:
        fleet = Fleet()
        for version, act in acts:
            await fleet.act(version, act)
            if len(fleet.seen) == 2 and fleet.seen[1] in fleet.open:
                assert await fleet.in_force() == fleet.seen[1]

    asyncio.run(live())


@settings(max_examples=200)
@given(histories(4), st.permutations(range(len(PERIODS_S))))
def test_once_all_have_declared_again_the_newest_is_in_force_in_whatever_order_they_did(
    acts: Sequence[tuple[int, Act]], order: Sequence[int]
) -> None:
    async def live() -> None:
        fleet = Fleet()
        for version, act in acts:
            await fleet.act(version, act)
        for version in order:
            if version in fleet.open:
                await fleet.declare(version)
        if fleet.open:
            assert await fleet.in_force() == fleet.newest
            await goes_on(fleet)

    asyncio.run(live())


@settings(max_examples=250)
@given(histories(4))
def test_no_tick_comes_twice_and_none_that_is_settled_lies_behind_another(
    acts: Sequence[tuple[int, Act]],
) -> None:
    async def live() -> None:
        fleet = Fleet()
        for version, act in acts:
            await fleet.act(version, act)
        runs = [run.id.fire_time for run in await fleet.store.runs("report", limit=1_000)]
        gaps = [record.gap for record in await fleet.store.gaps("report", limit=1_000)]
        spans = sorted([*((at, at) for at in runs), *((gap.first, gap.last) for gap in gaps)])
        ends = [-1, *(last for _, last in spans)]
        assert all(last < first for last, (first, _) in zip(ends, spans, strict=False))

    asyncio.run(live())
