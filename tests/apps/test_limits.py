"""How many mails a second, and how many a day."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import timedelta

from cronfleet.apps.mailing.sending import Answer, SendResult
from cronfleet.apps.password_expiry.job import ExpiryJob, RunReport
from cronfleet.apps.password_expiry.outbox.allowance import used
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.sending.pacing import Pace
from tests.apps.outboxes import let_pass
from tests.apps.worlds import Answers, OpenWorld, Recorder, World, ask, row

DAY = timedelta(hours=24)


def job(world: World, sender: Recorder, per_day: int | None, most: int = 500) -> ExpiryJob:
    parts = replace(world.parts(sender), per_day=per_day)
    return ExpiryJob(parts, most=most, is_dry=False)


async def run(world: World, sender: Recorder, per_day: int, most: int = 500) -> RunReport:
    return await job(world, sender, per_day, most).run(ask())


async def test_no_more_leave_than_may_in_a_day(world_of: OpenWorld) -> None:
    these, sender = world_of(*map(row, range(1, 31))), Recorder()
    report = await run(these, sender, per_day=13)
    assert len(sender.mails) == 13
    assert str(report).endswith("17 to be sent, later: MAILS_PER_DAY is reached")
    await run(these, sender, per_day=13)
    assert len(sender.mails) == 13
    await run(these, sender, per_day=15)
    assert len(sender.mails) == 15


async def test_a_day_later_as_many_may_leave_again(world_of: OpenWorld) -> None:
    these, sender = world_of(*map(row, range(1, 11))), Recorder()
    await run(these, sender, per_day=4)
    let_pass(these.outbox, DAY - timedelta(minutes=1))
    await run(these, sender, per_day=4)
    assert len(sender.mails) == 4
    let_pass(these.outbox, timedelta(minutes=1))
    await run(these, sender, per_day=4)
    assert len(sender.mails) == 8


async def test_a_full_day_is_no_reason_to_connect(world_of: OpenWorld) -> None:
    class Ready(Recorder):
        asked = 0

        async def ready(self) -> None:
            self.asked += 1

    these, sender = world_of(*map(row, range(1, 5))), Ready()
    await run(these, sender, per_day=2)
    before = sender.asked
    await run(these, sender, per_day=2)
    assert sender.asked == before > 0


async def test_runs_at_the_same_time_share_the_day(world_of: OpenWorld) -> None:
    these, sender = world_of(*map(row, range(1, 61))), Recorder()
    await these.run(sender, dry=True)
    runs = [job(these, sender, per_day=20).run(ask(token)) for token in range(1, 5)]
    await asyncio.gather(*runs)
    assert len(sender.mails) == 20


async def test_what_was_refused_or_put_off_was_no_mail(world_of: OpenWorld) -> None:
    these = world_of(*map(row, range(1, 7)))
    later = SendResult(Answer.LATER, "451 not now")
    await run(these, Answers(later), per_day=3, most=3)
    await run(these, sender := Recorder(), per_day=3)
    assert len(sender.mails) == 3


async def test_what_nobody_knows_of_counts_as_sent(world_of: OpenWorld) -> None:
    these = world_of(*map(row, range(1, 7)))
    silent = SendResult(Answer.UNKNOWN, "silence")
    await run(these, Answers(silent), per_day=3, most=2)
    await run(these, sender := Recorder(), per_day=3)
    assert len(sender.mails) == 1


async def test_what_went_into_the_mailbox_does_not_count(world_of: OpenWorld) -> None:
    class Folder(Recorder):
        name = "mailbox"
        reaches_people = False

    these, sender = world_of(*map(row, range(1, 5))), Folder()
    await these.run(sender)
    assert these.outbox.left_of_the_day(7) == 7


async def test_the_count_of_a_day_looks_at_an_index_alone(world_of: OpenWorld) -> None:
    these = world_of(row(1))
    with these.outbox.database.begin() as connection:
        statement = used().compile(connection, compile_kwargs={"render_postcompile": True})
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", tuple(dict(statement.params, since=0).values())
        ).all()
    steps = [step[-1] for step in plan if "password_notices" in step[-1]]
    assert steps
    assert all("COVERING INDEX" in step and step.startswith("SEARCH") for step in steps)


async def test_a_rate_holds_over_the_lanes(world_of: OpenWorld) -> None:
    these, sender = world_of(*map(row, range(1, 9))), Recorder()
    parts = replace(these.parts(sender), pace=Pace(40))
    began = time.monotonic()
    await ExpiryJob(parts, most=500, is_dry=False).run(ask())
    assert len(sender.mails) == 8
    assert time.monotonic() - began >= 7 / 40


async def test_a_drain_does_not_wait_for_a_turn(world_of: OpenWorld) -> None:
    these, draining = world_of(*map(row, range(1, 5))), threading.Event()
    sender = Recorder(before=draining.set)
    parts = replace(these.parts(sender), pace=Pace(1 / 3600))
    await ExpiryJob(parts, most=500, is_dry=False).run(replace(ask(), draining=draining))
    assert len(sender.mails) == 1
    assert these.outbox.counts()[NoticeState.PENDING] == 3
