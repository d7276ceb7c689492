"""Runs over days before the expiry: who gets which notice, and when it goes."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cronfleet.apps.password_expiry.job import ExpiryJob, RunReport
from cronfleet.apps.password_expiry.sending.delivery import Ask, Parts
from cronfleet.apps.password_expiry.users.policy import EXPIRED, ExpiryRule
from tests.apps.worlds import OpenWorld, Recorder, World, row

CHANGED = "2026-01-01"
EXPIRY = datetime(2026, 4, 1, tzinfo=UTC)  # 90 days later
RULE = ExpiryRule(timedelta(days=90), remind=(14, 7, 3, 1))


class Days:
    """Runs of one world, each on a day so long before the expiry."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sender = Recorder()
        self.quiet = False
        self._parts: Parts = replace(
            world.parts(self.sender), rule=RULE, is_quiet=lambda: self.quiet
        )
        self._token = 0

    async def run(self, days_before: float, *, most: int = 500, dry: bool = False) -> RunReport:
        job = ExpiryJob(self._parts, most=most, is_dry=dry)
        return await job.run(self._ask(days_before))

    async def run_put_off(self, days_before: float) -> RunReport | None:
        return await ExpiryJob(self._parts, most=500, is_dry=False).run_put_off(
            self._ask(days_before)
        )

    def thresholds(self) -> dict[str, str]:
        return {n.threshold: n.state.value for n in self.world.outbox.recent(1000)}

    def _ask(self, days_before: float) -> Ask:
        self._token += 1
        log = logging.LoggerAdapter(logging.getLogger("test.reminders"), {})
        return Ask(self._token, EXPIRY - timedelta(days=days_before), log)


async def test_who_is_looked_at_every_day_is_told_on_each_of_the_days_and_once(
    world_of: OpenWorld,
) -> None:
    days = Days(world_of(row(1, CHANGED)))
    sent: dict[int, int] = {}
    for left in range(20, -3, -1):
        before = len(days.sender.mails)
        await days.run(left)
        await days.run(left)
        sent[left] = len(days.sender.mails) - before
    assert {left for left, count in sent.items() if count} == {14, 7, 3, 1, 0}
    assert max(sent.values()) == 1
    assert days.thresholds() == dict.fromkeys(("14d", "7d", "3d", "1d", EXPIRED), "SENT")


async def test_after_a_long_silence_there_is_one_mail_and_no_heap(world_of: OpenWorld) -> None:
    days = Days(world_of(row(1, CHANGED)))
    await days.run(2)
    assert days.thresholds() == {"3d": "SENT"}


async def test_a_reminder_whose_day_has_passed_is_not_sent_when_its_turn_comes(
    world_of: OpenWorld,
) -> None:
    days = Days(world_of(row(1, CHANGED)))
    await days.run(14, dry=True)
    await days.run(7, dry=True)
    assert days.thresholds() == {"14d": "PENDING", "7d": "PENDING"}
    await days.run(5)
    assert days.thresholds() == {"14d": "CANCELLED", "7d": "SENT"}


async def test_a_reminder_that_waited_until_the_expiry_gives_way_to_that(
    world_of: OpenWorld,
) -> None:
    days = Days(world_of(row(1, CHANGED)))
    await days.run(1, dry=True)
    await days.run(0)
    assert days.thresholds() == {"1d": "CANCELLED", EXPIRED: "SENT"}


async def test_a_password_that_was_changed_meanwhile_is_not_reminded_of(
    world_of: OpenWorld,
) -> None:
    world = world_of(row(1, CHANGED))
    days = Days(world)
    await days.run(3, dry=True)
    world.execute("UPDATE users SET password_changed_at = '2026-03-29'")
    await days.run(3)
    assert days.thresholds() == {"3d": "CANCELLED"}
    assert not days.sender.mails


async def test_a_password_that_is_changed_just_before_the_hand_off_is_not_reminded_of(
    world_of: OpenWorld,
) -> None:
    world = world_of(row(1, CHANGED))
    days = Days(world)
    days.sender._before = lambda: world.execute(
        "UPDATE users SET password_changed_at = '2026-03-29'"
    )
    await days.run(3)
    assert days.thresholds() == {"3d": "CANCELLED"}


async def test_in_quiet_hours_notices_are_made_and_go_with_the_next_run_after_them(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    days = Days(world_of(row(1, CHANGED), row(2, CHANGED)))
    days.quiet = True
    report = await days.run(3)
    assert (report.made, report.waiting, days.sender.mails) == (2, 2, [])
    (told,) = caplog.messages
    assert told.startswith("quiet hours, what is due is sent after them: 2 users read, 2 due, ")
    assert str(report) == told
    days.quiet = False
    await days.run(2.9)
    assert days.sender.recipients == ["user1@corp.test", "user2@corp.test"]


async def test_what_was_put_off_waits_for_the_end_of_the_quiet_hours_too(
    world_of: OpenWorld,
) -> None:
    world = world_of(row(1, CHANGED))
    days = Days(world)
    await days.run(3, dry=True)
    with world.outbox.database.begin() as connection:
        connection.exec_driver_sql("UPDATE password_notices SET failures = 1")
    days.quiet = True
    assert await days.run_put_off(3) is None
    assert days.thresholds() == {"3d": "PENDING"}
    days.quiet = False
    assert await days.run_put_off(3)
    assert days.thresholds() == {"3d": "SENT"}


async def test_when_quiet_hours_begin_the_mails_under_way_are_the_last(world_of: OpenWorld) -> None:
    days = Days(world_of(*(row(number, CHANGED) for number in range(1, 101))))

    def fall_quiet() -> None:
        days.quiet = True

    days.sender._before = fall_quiet
    report = await days.run(3)
    sent = len(days.sender.mails)
    assert 1 <= sent <= days.sender.at_a_time
    assert report.waiting == 100 - sent
    assert set(days.thresholds().values()) <= {"SENT", "PENDING"}
