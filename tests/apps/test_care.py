"""Far too many at once mail nobody: they are held until somebody has looked."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    SenderUnavailableError,
    SendResult,
    unknown,
)
from cronfleet.apps.password_expiry.care.care import Care, conditions_of
from cronfleet.apps.password_expiry.care.keeping import Allowance, Keeper
from cronfleet.apps.password_expiry.care.retention import Retention
from cronfleet.apps.password_expiry.job import ExpiryJob, RunReport
from cronfleet.apps.password_expiry.outbox.canary import Canary
from cronfleet.apps.password_expiry.outbox.records import Records
from cronfleet.apps.password_expiry.sending.mailbox import MailboxSender
from cronfleet.apps.password_expiry.users.chosen import OnlyThese
from tests.apps.outboxes import let_pass
from tests.apps.worlds import NOW, OpenWorld, Recorder, World, ask, row

USERS = 100
TODAY = NOW.date().isoformat()


class Careful:
    """Runs of the job with a canary, an hour apart."""

    def __init__(self, world: World, canary: Canary | None = Canary()) -> None:  # noqa: B008 - frozen
        self.world = world
        self.sender = Recorder()
        self.keeper = Keeper(world.outbox, Allowance(needs_approval=False, dry_run=None))
        self._canary = canary
        self._hour = 0

    async def run(self, ahead: timedelta = timedelta(), *, dry: bool = False) -> RunReport:
        self._hour += 1
        return await self.job(dry=dry).run(ask(now=NOW + timedelta(hours=self._hour) + ahead))

    def job(self, *, dry: bool = False) -> ExpiryJob:
        outbox = self.world.outbox
        retention = Retention(outbox.database, self.world.users, 400)
        care = Care(Records(outbox.database), self._canary, retention)
        return ExpiryJob(self.world.parts(self.sender), most=500, is_dry=dry, care=care)


def some_due(world_of: OpenWorld, due: int = 10) -> Careful:
    return Careful(world_of(*(row(n) if n < due else row(n, TODAY) for n in range(USERS))))


async def test_a_clock_a_year_ahead_mails_nobody(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    these = some_due(world_of)
    await these.run()
    assert len(these.sender.mails) == 10
    await these.run(timedelta(days=365))
    await these.run(timedelta(days=365))
    assert len(these.sender.mails) == 10
    assert "held, nothing is sent: 90 new notices at once for 100 users" in caplog.text
    (condition,) = conditions_of(these.keeper.report())
    assert condition.title == "mails are held"
    assert "90 new notices" in condition.said


@pytest.mark.parametrize("emptied", ["1970-01-01", "2000-01-01 00:00:00", "19700101"])
async def test_an_emptied_column_mails_nobody(world_of: OpenWorld, emptied: str) -> None:
    these = some_due(world_of)
    await these.run()
    these.world.execute("UPDATE users SET password_changed_at = ?", [emptied])
    await these.run()
    assert len(these.sender.mails) == 10
    assert these.keeper.report().holds


@pytest.mark.parametrize("emptied", ["", None, "0", "infinity"])
async def test_a_column_without_dates_makes_no_notice(
    world_of: OpenWorld, emptied: str | None
) -> None:
    these = some_due(world_of)
    these.world.execute("UPDATE users SET password_changed_at = ?", [emptied])
    report = await these.run()
    assert (report.made, these.sender.mails) == (0, [])


async def test_what_is_approved_is_sent_by_the_next_run_to_those_still_due(
    world_of: OpenWorld,
) -> None:
    these = some_due(world_of, due=60)
    await these.run()
    assert these.sender.mails == []
    these.world.execute("UPDATE users SET password_changed_at = ? WHERE id < 20", [TODAY])
    assert "60 new notices" in these.keeper.approve("anna", "new users")[0]
    await these.run()
    assert len(these.sender.mails) == 40
    assert these.keeper.approve("anna", "") == []


async def test_what_the_mailbox_has_had_is_held_also_when_one_user_was_mailed_by_hand(
    world_of: OpenWorld, tmp_path: Path
) -> None:
    these = some_due(world_of, due=USERS)
    to_mailbox = these.world.parts(MailboxSender(tmp_path))
    await ExpiryJob(to_mailbox, most=500, is_dry=False).run(ask())
    by_hand = replace(these.world.parts(these.sender), users=OnlyThese(these.world.users, ["7"]))
    await ExpiryJob(by_hand, most=500, is_dry=False, only=("7",)).run(ask(0))
    assert these.sender.recipients == ["user7@corp.test"]
    await these.run()
    assert these.sender.recipients == ["user7@corp.test"]
    assert these.keeper.report().holds[0].said.startswith("99 new notices")


async def test_while_it_is_held_what_was_put_off_waits_too(world_of: OpenWorld) -> None:
    these = some_due(world_of)
    await these.run(dry=True)
    lease = these.world.outbox.lease(3)
    assert lease
    these.world.outbox.put_off(lease, "451 later")
    let_pass(these.world.outbox, timedelta(minutes=2))
    await these.run(timedelta(days=365), dry=True)
    assert await these.job().run_put_off(ask()) is None
    these.keeper.approve("anna", "")
    report = await these.job().run_put_off(replace(ask(), now=NOW))
    assert report
    assert len(these.sender.mails) == 1


async def test_a_batch_that_a_dry_run_made_is_held_as_well(world_of: OpenWorld) -> None:
    these = some_due(world_of, due=60)
    await these.run(dry=True)
    await these.run()
    assert these.sender.mails == []


async def test_mails_that_reach_nobody_need_no_canary(world_of: OpenWorld) -> None:
    these = Careful(world_of(*(row(n) for n in range(USERS))), canary=None)
    await these.run()
    assert len(these.sender.mails) == USERS


async def test_the_expiries_to_come_are_counted_by_day(world_of: OpenWorld) -> None:
    in_a_week = (NOW - timedelta(days=83)).isoformat()
    these = Careful(world_of(row(1), row(2, in_a_week), row(3, in_a_week), row(4, TODAY)))
    await these.run()
    (run,) = these.keeper.report().runs
    assert run.ahead == {(NOW + timedelta(days=7)).date().isoformat(): 2}


# --- Retention


async def test_old_notices_go_unless_they_would_be_made_again(world_of: OpenWorld) -> None:
    these = Careful(world_of(row(1), row(2), row(3)))
    await these.run()
    these.world.execute("UPDATE users SET password_changed_at = ? WHERE id = 1", [TODAY])
    these.world.execute("DELETE FROM users WHERE id = 2")
    await these.run()
    assert set(these.world.states()) == {"1", "2", "3"}
    let_pass(these.world.outbox, timedelta(days=401))
    await these.run()
    assert these.world.states() == {"3": "SENT"}
    assert len(these.sender.mails) == 3


async def test_nothing_goes_while_there_are_no_users(world_of: OpenWorld) -> None:
    """A view may be empty for a while: whoever is in it again would be mailed again."""
    these = Careful(world_of(row(1)))
    await these.run()
    let_pass(these.world.outbox, timedelta(days=401))
    these.world.execute("DELETE FROM users")
    await these.run()
    assert these.world.states() == {"1": "SENT"}


async def test_many_old_notices_go_in_small_steps(world_of: OpenWorld) -> None:
    these = Careful(world_of(*(row(n) for n in range(450))), canary=None)
    await these.run()
    these.world.execute("DELETE FROM users WHERE id < 430")
    let_pass(these.world.outbox, timedelta(days=401))
    await these.run()
    assert len(these.world.states()) == 20


# --- Logs


class Failing(Recorder):
    """Fails in every way, one after the other, and quotes the recipient."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = [each for each in Answer if each is not Answer.NOT_WANTED]

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        if not self._answers:
            raise SenderUnavailableError("it is away")
        answer = self._answers.pop(0)
        await hand_off()
        return SendResult(answer, "no")


async def test_no_recipient_is_logged_whatever_fails(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "canary-bird@corp.test"
    rows = [(n, canary.replace("@", f"{n}@"), "Canary", "2025-01-01") for n in range(60)]
    bad = [(98, "canary-bird@", "", "2025-01-01"), (99, canary, "", "soon")]
    these = Careful(world_of(*rows, *bad))
    these.sender = Failing()
    await these.run()
    these.keeper.approve("anna", "")
    for _ in range(3):
        with suppress(SenderUnavailableError):
            await these.run()
    these.world.execute("DROP TABLE users")
    with pytest.raises(Exception, match="no such table"):
        await these.run()
    assert caplog.messages
    assert "canary-bird" not in caplog.text
    assert "canary-bird" not in repr(these.keeper.report())
    assert "canary-bird" not in repr(these.world.outbox.recent(1000))
