"""A manager's copy, from the scan to the mail."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import SMTP

import pytest

from cronfleet.apps.mailing.sending import Mail
from cronfleet.apps.password_expiry.care.care import Care
from cronfleet.apps.password_expiry.job import ExpiryJob, RunReport
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.mails.wording.templates import MailTemplateError
from cronfleet.apps.password_expiry.outbox.canary import Canary
from cronfleet.apps.password_expiry.outbox.records import Records
from cronfleet.apps.password_expiry.users.copies import Copies
from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.table import UserPage, UserTable
from tests.apps.outboxes import let_pass
from tests.apps.worlds import NOW, OpenWorld, Recorder, World, ask, row

COPIES = Copies(frozenset({"expired"}))


class Managers:
    """Whom each user reports to, by the user's id; to be changed at will."""

    def __init__(self, patch: pytest.MonkeyPatch, **by_user: str) -> None:
        self.by_user = by_user
        page, find = UserTable.page, UserTable.find

        def with_managers(users: UserTable, after: object, limit: int = 500) -> UserPage:
            found = page(users, after, limit)
            return replace(found, users=[self._managed(user) for user in found.users])

        def found_with(users: UserTable, keys: list[str]) -> dict[str, User]:
            return {key: self._managed(user) for key, user in find(users, keys).items()}

        patch.setattr(UserTable, "page", with_managers)
        patch.setattr(UserTable, "find", found_with)

    def _managed(self, user: User) -> User:
        return replace(user, manager=self.by_user.get(f"user{user.key}"))


async def run(
    world: World, sender: Recorder, copies: Copies = COPIES, most: int = 500
) -> RunReport:
    parts = replace(world.parts(sender), copies=copies)
    return await ExpiryJob(parts, most=most, is_dry=False).run(ask())


def subject(mail: Mail) -> str:
    return str(message_from_bytes(mail.content, policy=SMTP)["Subject"])


async def test_a_manager_is_told_once_in_a_mail_that_names_the_user(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(row(1), row(2))
    Managers(monkeypatch, user1="boss@corp.test")
    sender = Recorder()
    for _ in range(3):
        await run(world, sender)
    assert sender.recipients == ["boss@corp.test", "user1@corp.test", "user2@corp.test"]
    (told,) = [mail for mail in sender.mails if mail.recipient == "boss@corp.test"]
    assert subject(told) == "The password of User 1 has expired"
    assert b"User 1 <user1@corp.test>" in told.content


@pytest.mark.parametrize(("due", "sent"), [(15, 30), (21, 0)])
async def test_with_copies_it_is_still_the_users_who_are_too_many(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch, due: int, sent: int
) -> None:
    world = world_of(*(row(n) if n < due else row(n, NOW.date().isoformat()) for n in range(100)))
    Managers(monkeypatch, **{f"user{number}": "boss@corp.test" for number in range(100)})
    sender, care = Recorder(), Care(Records(world.outbox.database), Canary())
    parts = replace(world.parts(sender), copies=COPIES)
    await ExpiryJob(parts, most=500, is_dry=False, care=care).run(ask())
    assert len(sender.mails) == sent


async def test_copies_alone_may_be_too_many(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as when they are switched on, long after the users were told."""
    world = world_of(*map(row, range(100)))
    Managers(monkeypatch, **{f"user{number}": "boss@corp.test" for number in range(100)})
    await run(world, Recorder(), Copies())
    let_pass(world.outbox, timedelta(hours=1))
    sender, care = Recorder(), Care(Records(world.outbox.database), Canary())
    parts = replace(world.parts(sender), copies=COPIES)
    await ExpiryJob(parts, most=500, is_dry=False, care=care).run(ask())
    assert sender.mails == []


async def test_an_address_of_a_manager_that_is_none_costs_the_user_nothing(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(row(1))
    Managers(monkeypatch, user1="boss\r\nBcc: everyone@corp.test")
    sender = Recorder()
    await run(world, sender)
    assert sender.recipients == ["user1@corp.test"]
    states = {notice.threshold: notice.state.value for notice in world.outbox.recent(9)}
    assert states == {"expired": "SENT", "expired/manager": "DEAD"}


async def test_a_manager_who_changes_before_the_hand_off_is_not_told(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(row(1))
    managers = Managers(monkeypatch, user1="old@corp.test")
    sender = Recorder(before=lambda: managers.by_user.update(user1="new@corp.test"))
    await run(world, sender)
    await run(world, sender)
    assert sender.recipients == ["new@corp.test", "user1@corp.test"]


async def test_copies_that_are_no_longer_wanted_are_cancelled(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(row(1))
    Managers(monkeypatch, user1="boss@corp.test")
    parts = replace(world.parts(Recorder()), copies=COPIES)
    await ExpiryJob(parts, most=500, is_dry=True).run(ask())
    sender = Recorder()
    await run(world, sender, Copies())
    assert sender.recipients == ["user1@corp.test"]


async def test_a_template_that_fails_for_one_user_lets_that_notice_wait_and_no_other(
    world_of: OpenWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_of(*(row(number) for number in range(1, 9)))
    write = Letterhead.write

    def fails_for_three(*given: object) -> Mail:
        if isinstance(given[3], User) and given[3].key == "3":
            raise MailTemplateError("en/expired.txt line 2: UndefinedError")
        return write(*given)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Letterhead, "write", fails_for_three)
    sender = Recorder()
    with pytest.raises(MailTemplateError):
        await world.run(sender)
    assert len(sender.mails) == 7
    assert world.states()["3"] == "PENDING"
    assert world.reason("3") == "en/expired.txt line 2: UndefinedError"
