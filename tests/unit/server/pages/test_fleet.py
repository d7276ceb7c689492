"""What the server asks of the store to know its fleet, and what it remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from cronfleet import Latest, Scheduler, StoreError, StoreUnavailableError, cron
from cronfleet.server.pages.absence import AGAIN_AFTER_S, KNOWN_FOR_S, Absence
from cronfleet.server.pages.fleet import JOBS_READ_A_LOOK, ORDERS_READ, FleetWatch
from cronfleet.server.pages.job import look_at
from cronfleet.server.pages.memory import MOST_REMEMBERED, Memory
from tests.unit.server.sites import ended_run

NEVER = cron("0 0 1 1 *")


class Asked(Scheduler):
    """A scheduler that tells about which jobs it was asked, and can be away."""

    def __init__(self) -> None:
        super().__init__("memory:", program="test")
        self.asked: list[list[str]] = []
        self.is_away = False

    async def latest(self, names: Iterable[str], limit: int) -> dict[str, Latest]:
        wanted = list(names)
        self.asked.append(wanted)
        if self.is_away:
            raise StoreUnavailableError("memory:", "it is away")
        return await super().latest(wanted, limit)


@pytest.fixture
def scheduler() -> Asked:
    scheduler = Asked()
    for name in ("a", "b"):
        scheduler.add_job(lambda _: None, NEVER, name)
    return scheduler


async def test_only_jobs_that_moved_are_asked_about(scheduler: Asked) -> None:
    watch = FleetWatch(scheduler, Absence())
    async with scheduler:
        for act in (None, scheduler.skip_next, scheduler.pause, None):
            if act is not None:
                await act("b")
            watch.forget_age()
            await watch.look()
    assert [sorted(names) for names in scheduler.asked] == [["a", "b"], ["b"], ["b"], []]


async def test_a_run_by_hand_that_has_ended_is_seen(scheduler: Asked) -> None:
    watch = FleetWatch(scheduler, Absence())
    async with scheduler:
        await watch.look()
        run = await ended_run(scheduler, "a")
        watch.forget_age()
        fleet = await watch.look()
    assert fleet.last_run("a") == run
    assert fleet.last_runs(10) == [run]


async def test_when_a_job_was_paused_is_remembered(scheduler: Asked) -> None:
    watch = FleetWatch(scheduler, Absence())
    async with scheduler:
        await scheduler.pause("a")
        (order,) = await scheduler.audit(1)
        for number in range(ORDERS_READ):
            await scheduler.trigger("b", why=str(number))
            if number == 0:
                await watch.look()
        watch.forget_age()
        fleet = await watch.look()
    assert fleet.paused_at == {"a": order.at}


async def test_who_asks_within_the_second_is_told_the_same(scheduler: Asked) -> None:
    watch = FleetWatch(scheduler, Absence())
    async with scheduler:
        assert await watch.look() is await watch.look()
    assert len(scheduler.asked) == 1


async def test_a_look_asks_about_a_bounded_number_of_jobs(scheduler: Asked) -> None:
    for number in range(JOBS_READ_A_LOOK):
        scheduler.add_job(lambda _: None, NEVER, f"job-{number}")
    watch = FleetWatch(scheduler, Absence())
    async with scheduler:
        for _ in range(2):
            watch.forget_age()
            await watch.look()
    assert [len(names) for names in scheduler.asked] == [JOBS_READ_A_LOOK, 2]


async def test_a_fleet_is_remembered_while_the_store_is_away(scheduler: Asked) -> None:
    watch = FleetWatch(scheduler, Absence())
    async with scheduler:
        known = await watch.look()
        scheduler.is_away = True
        watch.forget_age()
        stale = await watch.look()
        scheduler.is_away = False
        watch.forget_age()
        fresh = await watch.look()
    assert (stale.jobs, stale.now, "it is away" in stale.trouble) == (known.jobs, known.now, True)
    assert fresh.trouble == ""


class Watched:
    """A look that waits until it is answered, or fails at once while the store is away."""

    def __init__(self) -> None:
        self.looks = 0
        self.is_away = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def __call__(self) -> int:
        self.looks += 1
        await self.answers.wait()
        if self.is_away:
            raise StoreUnavailableError("redis", "it is away")
        return self.looks


async def test_a_store_that_is_known_to_be_away_is_waited_for_by_nobody() -> None:
    now_s, look = [100.0], Watched()
    memory = Memory(Absence(lambda: now_s[0]))
    await memory.view("job", look)
    look.is_away = True
    await memory.view("job", look)
    look.answers.clear()  # From now on, who waits for the store hangs.
    shown = [await memory.view("job", look) for _ in range(3)]
    assert ([each.view for each in shown], look.looks) == ([1, 1, 1], 2)
    now_s[0] += AGAIN_AFTER_S
    again = [await memory.view("job", look) for _ in range(3)]
    await asyncio.sleep(0)
    assert ([bool(each.trouble) for each in again], look.looks) == ([True] * 3, 3)
    look.is_away = False
    look.answers.set()
    for _ in range(5):
        await asyncio.sleep(0)
    fresh = await memory.view("job", look)
    assert (fresh.view, fresh.trouble) == (4, "")


async def test_an_absence_that_was_noted_long_ago_is_not_taken_for_true() -> None:
    now_s, look = [100.0], Watched()
    memory = Memory(Absence(lambda: now_s[0]))
    await memory.view("job", look)
    look.is_away = True
    await memory.view("job", look)
    look.is_away = False
    now_s[0] += KNOWN_FOR_S
    assert (await memory.view("job", look)).trouble == ""


async def test_what_one_page_found_out_the_others_know(scheduler: Asked) -> None:
    absence, look = Absence(), Watched()
    watch, memory = FleetWatch(scheduler, absence), Memory(absence)
    async with scheduler:
        await watch.look()
        await memory.view("job", look)
        look.is_away = True
        await memory.view("job", look)
        assert "it is away" in (await watch.look()).trouble
        watch.forget_age()  # An order came through.
        assert (await watch.look()).trouble == ""


async def test_a_fleet_that_was_never_seen_is_an_error(scheduler: Asked) -> None:
    scheduler.is_away = True
    async with scheduler:
        with pytest.raises(StoreUnavailableError):
            await FleetWatch(scheduler, Absence()).look()


async def test_a_page_is_shown_again_while_the_store_is_away() -> None:
    memory = Memory(Absence())

    async def found() -> str:
        return "a view"

    async def away() -> str:
        raise StoreUnavailableError("redis", "it is away")

    first = await memory.view("job", found)
    again = await memory.view("job", away)
    assert (again.view, again.seen_at) == ("a view", first.seen_at)
    assert (first.trouble, "it is away" in again.trouble) == ("", True)
    with pytest.raises(StoreUnavailableError):
        await memory.view("another", away)


async def test_so_many_pages_are_remembered_and_no_more() -> None:
    memory = Memory(Absence())

    async def found() -> int:
        return 1

    async def away() -> int:
        raise StoreUnavailableError("redis", "it is away")

    for number in range(MOST_REMEMBERED + 1):
        await memory.view(str(number), found)
    with pytest.raises(StoreUnavailableError):
        await memory.view("0", away)
    assert (await memory.view("1", away)).view == 1


class Newer(Scheduler):
    """A scheduler before a definition that only a newer version can read."""

    async def definition(self, name: str) -> Mapping[str, Any]:
        raise StoreError(f"job {name!r}: its definition cannot be read")


async def test_a_job_of_a_newer_version_has_a_page_without_policies() -> None:
    scheduler = Newer("memory:", program="test")
    scheduler.add_job(lambda _: None, NEVER, "report")
    async with scheduler:
        view = await look_at(scheduler, "report", 0)
    assert view.portrait is not None
    assert (view.job.name, view.portrait.policies) == ("report", [])
