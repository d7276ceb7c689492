from __future__ import annotations

import asyncio
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cronfleet.apps.mailing.sending import Answer, Mail, SenderUnavailableError
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.pages import page
from cronfleet.apps.password_expiry.pages.page import mails_in
from cronfleet.apps.password_expiry.sending.mailbox import MailboxSender
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User

MADE = datetime(2026, 4, 1, tzinfo=UTC)


def mail(number: int = 0, name: str = "Anna") -> Mail:
    letterhead = Letterhead("it@example.com")
    user = User("1", "anna@example.com", name, MADE.isoformat())
    key = NoticeKey(user.key, MADE.isoformat())
    return letterhead.write(f"{number:032x}", "anna@example.com", user, key, MADE, MADE)


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def yes(_by: str | None = None, /) -> bool:
    return True


async def no(_by: str | None = None, /) -> bool:
    return False


async def test_a_mail_is_a_file_for_this_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "mailbox"
    result = await MailboxSender(folder).send(mail(), yes)
    (file,) = files_in(folder)
    assert result.answer is Answer.ACCEPTED
    assert file.name == f"{mail().id}.eml"
    assert file.read_bytes() == mail().content
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_a_repeated_mail_is_the_same_file(tmp_path: Path) -> None:
    sender = MailboxSender(tmp_path)
    await asyncio.gather(*(sender.send(mail(), yes) for _ in range(5)))
    assert [file.read_bytes() for file in files_in(tmp_path)] == [mail().content]


async def test_the_hand_off_comes_before_the_mail_is_there(tmp_path: Path) -> None:
    seen: list[list[Path]] = []

    async def look(_by: str | None = None, /) -> bool:
        seen.append([file for file in files_in(tmp_path) if file.suffix == ".eml"])
        return True

    await MailboxSender(tmp_path).send(mail(), look)
    assert seen == [[]]


async def test_a_mail_not_wanted_leaves_nothing(tmp_path: Path) -> None:
    result = await MailboxSender(tmp_path).send(mail(), no)
    assert result.answer is Answer.NOT_WANTED
    assert files_in(tmp_path) == []


async def test_a_hand_off_that_fails_leaves_nothing(tmp_path: Path) -> None:
    async def fail(_by: str | None = None, /) -> bool:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await MailboxSender(tmp_path).send(mail(), fail)
    assert files_in(tmp_path) == []


async def test_a_folder_that_cannot_be_written_to_stops_the_sending(tmp_path: Path) -> None:
    folder = tmp_path / "mailbox"
    folder.symlink_to("/proc/self")  # Nobody, root neither, makes files there.
    with pytest.raises(SenderUnavailableError, match=r"cannot be written to.*MAILBOX_DIR"):
        await MailboxSender(folder).send(mail(), yes)


async def test_a_file_that_cannot_be_put_in_place_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / f"{mail().id}.eml").mkdir()
    result = await MailboxSender(tmp_path).send(mail(), yes)
    assert result.answer is Answer.LATER
    assert [file.suffix for file in files_in(tmp_path)] == [".eml"]


async def test_a_file_whose_name_may_not_last_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def fails_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fails_for_folders)
    assert (await MailboxSender(tmp_path).send(mail(), yes)).answer is Answer.UNKNOWN


async def test_drafts_that_a_crash_left_behind_are_removed(tmp_path: Path) -> None:
    old, young = tmp_path / ".old.draft", tmp_path / ".young.draft"
    for draft in (old, young):
        draft.touch()
    os.utime(old, (0, 0))
    await MailboxSender(tmp_path).close()
    assert files_in(tmp_path) == [young]


async def test_the_newest_mails_are_shown_as_text(tmp_path: Path) -> None:
    for number in range(3):
        await MailboxSender(tmp_path).send(mail(number, "<b>Zoë</b>"), yes)
        os.utime(tmp_path / f"{number:032x}.eml", ns=(number, number))
    shown = mails_in(tmp_path, limit=2)
    assert [each.file for each in shown] == [f"{number:032x}.eml" for number in (2, 1)]
    assert shown[0].text.startswith("Hello <b>Zoë</b>,\n\n")
    assert (shown[0].to, shown[0].subject) == ("anna@example.com", "Your password has expired")


def test_what_is_no_file_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.eml").mkdir()
    (tmp_path / "dangling.eml").symlink_to(tmp_path / "nowhere")
    for name in ("here.eml", "gone.eml"):
        (tmp_path / name).write_bytes(b"To: anna\n\n")
    start_of = page._start_of

    def deleted_meanwhile(file: Path) -> bytes:
        if file.name == "gone.eml":
            file.unlink()
        return start_of(file)

    monkeypatch.setattr(page, "_start_of", deleted_meanwhile)
    assert [mail.file for mail in mails_in(tmp_path)] == ["here.eml"]


def test_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.eml")
    assert mails_in(tmp_path) == []
    # It may become one after it was listed.
    listed = [(1, tmp_path / "pipe.eml")]

    def as_it_was(_: Path) -> list[tuple[int, Path]]:
        return listed

    monkeypatch.setattr(page, "_mail_files", as_it_was)
    assert mails_in(tmp_path) == []


@pytest.mark.parametrize(
    ("length", "is_cut"), [(10_000, False), (10_001, True), (64 * 1024, True), (10**9, True)]
)
def test_of_a_long_mail_the_beginning_is_shown_and_no_more_is_read(
    tmp_path: Path, length: int, *, is_cut: bool
) -> None:
    head = b"To: anna@example.com\n\n"
    with (tmp_path / "long.eml").open("wb") as file:
        file.write(head + b"x" * min(length, 70_000))
        file.truncate(len(head) + length)
    (mail,) = mails_in(tmp_path)
    assert (mail.to, mail.text, mail.is_cut) == ("anna@example.com", "x" * 10_000, is_cut)


@pytest.mark.parametrize(
    ("written", "date"),
    [
        ("Wed, 01 Apr 2026 02:00:00 +0200", MADE),
        ("Wed, 01 Apr 2026 00:00:00 -0000", MADE),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_mails_date_is_an_instant_if_it_can_be_read(
    tmp_path: Path, written: str, date: datetime | None
) -> None:
    (tmp_path / "x.eml").write_text(f"Date: {written}\n\n")
    assert mails_in(tmp_path)[0].date == date


def test_a_file_that_is_no_mail_is_shown_as_far_as_it_can_be(tmp_path: Path) -> None:
    (tmp_path / "x.eml").write_bytes(b"\xff\x00 no: mail\n\n\xff")
    assert mails_in(tmp_path)[0].to == ""


def test_no_folder_holds_no_mails(tmp_path: Path) -> None:
    assert mails_in(tmp_path / "mailbox") == []
