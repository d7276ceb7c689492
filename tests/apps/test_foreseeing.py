"""What a dry run foretells is what the run then does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from cronfleet.apps.password_expiry.care.care import Care
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.foreseeing import Foreseen, Foresight
from cronfleet.apps.password_expiry.job import ExpiryJob, RunReport
from cronfleet.apps.password_expiry.outbox.canary import RUNS_KNOWN, Canary
from cronfleet.apps.password_expiry.outbox.records import Records
from cronfleet.apps.password_expiry.users.copies import NO_COPIES, Copies
from cronfleet.apps.password_expiry.users.judging import Judge
from cronfleet.apps.password_expiry.users.table import UserColumns, UserTable
from tests.apps.worlds import NOW, OpenWorld, Recorder, World, ask, row

TODAY = NOW.date().isoformat()


class Mailbox(Recorder):
    """What it takes reaches nobody."""

    name = "mailbox"
    reaches_people = False


def foreseen(world: World, copies: Copies = NO_COPIES) -> Foreseen:
    judge = Judge(world.parts(Recorder()).rule, NOW, copies)
    foresight = Foresight(world.users, judge, world.outbox, reaches_people=True)
    return foresight.look(Canary(), 20, lambda _: None)


async def run(
    world: World, sender: Recorder, hour: int = 0, copies: Copies = NO_COPIES
) -> RunReport:
    canary = Canary() if sender.reaches_people else None
    care = Care(Records(world.outbox.database), canary)
    parts = replace(world.parts(sender), copies=copies)
    job = ExpiryJob(parts, most=500, is_dry=False, care=care)
    return await job.run(ask(now=NOW + timedelta(hours=hour)))


def held(world: World) -> str | None:
    return next((hold.said for hold in Records(world.outbox.database).standing()), None)


def users(due: Iterable[int], count: int = 100) -> list[tuple[object, object, object, object]]:
    return [row(n) if n in due else row(n, TODAY) for n in range(count)]


async def test_what_only_the_mailbox_had_is_foretold_to_be_held(world_of: OpenWorld) -> None:
    world = world_of(*users(range(60)))
    await run(world, Mailbox())
    found = foreseen(world)
    report = await run(world, Recorder())
    assert (found.made, found.to_send, found.reopened) == (report.made, 60, 60)
    assert found.held is not None
    assert found.held == held(world)


async def test_more_than_is_usual_is_foretold_to_be_held(world_of: OpenWorld) -> None:
    world = world_of(*users(()))
    for n in range(RUNS_KNOWN):
        world.execute("UPDATE users SET password_changed_at = '2025-01-01' WHERE id = ?", [n])
        assert (await run(world, Recorder(), n)).made == 1
    world.execute("UPDATE users SET password_changed_at = '2025-01-01' WHERE id < 17")
    found = foreseen(world)
    await run(world, Recorder(), RUNS_KNOWN)
    assert "CANARY_TIMES" in str(found.held)
    assert found.held == held(world)


async def test_what_an_earlier_run_left_is_foretold_to_be_held_with_it(
    world_of: OpenWorld,
) -> None:
    world = world_of(*users(range(15)))
    records = Records(world.outbox.database)
    judge = Judge(world.parts(Recorder()).rule, NOW)
    begun = records.begin(NOW - timedelta(hours=1))  # And never ends.
    world.outbox.add(list(judge.page(world.users.page(None)).due), begun)
    world.execute("UPDATE users SET password_changed_at = '2025-01-01' WHERE id < 30")
    found = foreseen(world)
    report = await run(world, Recorder())
    assert (found.made, report.made) == (15, 15)
    assert found.held is not None
    assert found.held == held(world)


async def test_whose_address_is_a_good_one_now_is_foretold(world_of: OpenWorld) -> None:
    world = world_of(row(1), row(2))
    world.execute("UPDATE users SET email = ''")
    await run(world, Recorder())
    assert set(world.states().values()) == {"DEAD"}
    world.execute("UPDATE users SET email = 'anna@corp.test' WHERE id = 1")
    found = foreseen(world)
    assert (found.made, found.to_send, found.unreachable) == (1, 1, 0)
    assert (await run(world, Recorder())).made == 1


async def test_a_copy_for_a_manager_is_no_other_user(world_of: OpenWorld) -> None:
    world = world_of(*users(range(15)))
    world.execute("ALTER TABLE users ADD boss DEFAULT 'boss@corp.test'")
    database = Database(f"sqlite:///{world.file}", "x", writes=False)
    world.users = UserTable(database, UserColumns(manager="boss"))
    copies = Copies(frozenset({"expired"}))
    found = foreseen(world, copies)
    report = await run(world, Recorder(), copies=copies)
    assert (found.made, report.made, found.copies) == (30, 30, 15)
    assert (found.held, held(world)) == (None, None)
