"""A folder instead of a mail server: one `.eml` file a notice."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from cronfleet.apps.mailing.sending import (
    Answer,
    Following,
    HandOff,
    Mail,
    SenderUnavailableError,
    SendResult,
    unknown,
)
from cronfleet.apps.password_expiry.databases.files import private_folder

_ABANDONED_S = 3600


class MailboxSender:
    """Puts each mail into a file of its own, whole or not at all, for this user alone.

    The file is named after the notice: were a mail written again, it would be the same file.
    """

    name = "mailbox"
    reaches_people = False
    at_a_time = 4

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def describe(self) -> str:
        return f"the mailbox folder {self.folder}"

    async def ready(self) -> None:
        """There is nothing to connect to."""

    async def check(self) -> None:
        place = await asyncio.to_thread(_nearest_there, self.folder)
        if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
            raise SenderUnavailableError(
                f"the mailbox {self.folder} cannot be written to: set MAILBOX_DIR"
            )

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        draft = await asyncio.to_thread(self._write_draft, mail)
        try:
            is_wanted = await hand_off()
        except BaseException:
            _discard(draft)
            raise
        if not is_wanted:
            _discard(draft)
            return SendResult(Answer.NOT_WANTED)
        return await asyncio.to_thread(self._put_in_place, draft, mail)

    async def close(self) -> None:
        """Nothing is held open; drafts that nobody will finish are removed."""
        await asyncio.to_thread(self._remove_old_drafts)

    def _write_draft(self, mail: Mail) -> Path:
        """A file that no reader takes for a mail yet, on the disk."""
        draft = private_folder(self.folder) / f".{mail.id}.{secrets.token_hex(4)}.draft"
        try:
            descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(mail.content)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            _discard(draft)
            raise SenderUnavailableError(
                f"the mailbox {self.folder} cannot be written to: {error.strerror}; "
                "make room or set MAILBOX_DIR"
            ) from None
        return draft

    def _put_in_place(self, draft: Path, mail: Mail) -> SendResult:
        try:
            draft.replace(self.folder / f"{mail.id}.eml")
        except OSError as error:
            _discard(draft)
            return SendResult(Answer.LATER, f"the file was not put in place: {error.strerror}")
        try:
            _sync(self.folder)
        except OSError as error:
            return SendResult(Answer.UNKNOWN, f"the file may not be on the disk: {error.strerror}")
        return SendResult(Answer.ACCEPTED)

    def _remove_old_drafts(self) -> None:
        """What a crash left behind. Nobody takes an hour to put a file in place."""
        with suppress(OSError):
            for draft in self.folder.glob(".*.draft"):
                if time.time() - draft.stat().st_mtime > _ABANDONED_S:
                    _discard(draft)


def _sync(folder: Path) -> None:
    """Without it a power cut may take the name of a file away again."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _nearest_there(folder: Path) -> Path:
    """The folder, or the one in which it would be made."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())


def _discard(draft: Path) -> None:
    with suppress(OSError):
        draft.unlink()
