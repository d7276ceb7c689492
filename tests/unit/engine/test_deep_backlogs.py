"""However much is due, a look at it is short, and says how far the instance is behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from cronfleet import RunContext
from cronfleet.engine import peeking, repertoire
from cronfleet.engine.identity import Identity
from cronfleet.engine.instance import Instance
from cronfleet.engine.known import KnownJob
from cronfleet.engine.repertoire import Repertoire
from cronfleet.engine.seats import Seats
from cronfleet.events import AlertKind
from cronfleet.handlers import Handlers
from tests.unit.engine.rig import Rig, job
from tests.unit.engine.test_repertoire import defined, stored

MOST_PAGES = 10
"""No look may take longer than so many calls; choose another bound as you like."""


@asynccontextmanager
async def behind(rig: Rig, jobs: int, seats: Seats) -> AsyncGenerator[Instance]:
    """Each minute so many ticks are due, and none of their handlers ends."""
    these = [job(rig.handlers.gated, f"job-{n:04}") for n in range(jobs)]
    async with rig.at_work(*these) as instance:
        instance._seats = seats
        await asyncio.sleep(rig.to_next_minute_s + 15)
        yield instance


async def test_an_instance_with_seats_of_another_sort_only_looks_at_a_few_pages_a_poll(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Coroutines alone are due, and threads alone are free: so it is in most overloads."""
    monkeypatch.setattr(peeking, "MOST_PEEKED", 50)
    async with behind(rig, 1_000, Seats(coroutines=100, threads=32, processes=2)):
        before = rig.store.calls["peek"]
        await asyncio.sleep(5)
        assert rig.store.calls["peek"] - before <= 5 * MOST_PAGES


async def test_what_was_looked_at_is_not_all_kept(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peeking, "MOST_PEEKED", 50)
    async with behind(rig, 1_000, Seats(coroutines=100, threads=32, processes=2)) as instance:
        assert sum(len(page.due) for page in instance._lookout._pages) <= MOST_PAGES * 50


@asynccontextmanager
async def full_of_added_jobs(rig: Rig, added: list[KnownJob]) -> AsyncGenerator[Instance]:
    """An instance of which every seat is taken by jobs that were added at run time."""
    handlers = Handlers()
    handlers.add(rig.handlers.gated, "tell")
    await defined(rig, *added)
    identity, jobs = Identity("app", "anna", "2026a", adopts=False), Repertoire({}, handlers)
    instance = Instance(rig.store, rig.clock, rig.times, identity, jobs, announcing=rig.announcing)
    instance._seats = Seats(coroutines=4, threads=0, processes=0)
    working = asyncio.create_task(instance.run())
    await instance.joined.wait()
    await asyncio.sleep(rig.to_next_minute_s + 15)
    try:
        yield instance
    finally:
        rig.handlers.gate.set()
        instance.stop()
        instance.stop()
        await working


async def test_a_full_instance_learns_what_it_could_run_and_says_that_it_is_behind(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has 1,000 seats and learns 200 jobs a look, so what is next is often not learned yet."""
    monkeypatch.setattr(repertoire, "MOST_AT_ONCE", 2)
    added = [stored(job(rig.handlers.gated, f"added-{n:03}")) for n in range(100)]
    async with full_of_added_jobs(rig, added) as instance:
        assert len(rig.handlers.entered) == 4
        assert [alert.kind for alert in rig.alerts] == [AlertKind.OVERLOADED]
        assert "all coroutines of this instance are taken" in instance.backlog


async def test_what_lies_deep_is_found_by_looks_that_go_on_where_the_last_one_ended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peeking, "MOST_PEEKED", 10)
    printed: list[str] = []

    def print_it(run: RunContext) -> None:
        printed.append(run.run_id)

    busy = [job(rig.handlers.gated, f"job-{n:04}") for n in range(200)]
    async with rig.at_work(*busy, job(print_it, "printer")) as instance:
        instance._seats = Seats(coroutines=10, threads=1, processes=0)
        await rig.next_due()
        pages = 200 // 10  # The printer is on the last of them.
        polls = pages // peeking.MOST_PASSED + 1
        await rig.until(lambda: bool(printed), within_s=polls * rig.times.poll_ms / 1000 + 1)
        rig.handlers.gate.set()
