"""The application, put together from its settings."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cronfleet import RunContext, Scheduler, cron
from cronfleet.apps.password_expiry.databases import (
    Database,
    DatabaseError,
    private_file,
    wait_for,
    writable_folder,
)
from cronfleet.apps.password_expiry.delivery import Ask, Parts
from cronfleet.apps.password_expiry.job import ExpiryJob
from cronfleet.apps.password_expiry.message import Letterhead
from cronfleet.apps.password_expiry.notices import Outbox
from cronfleet.apps.password_expiry.page import SHOWN, PasswordExpiryPage, mails_in
from cronfleet.apps.password_expiry.policy import ExpiryRule
from cronfleet.apps.password_expiry.sample import make_sample_database
from cronfleet.apps.password_expiry.senders import Sender
from cronfleet.apps.password_expiry.senders.mailbox import MailboxSender
from cronfleet.apps.password_expiry.senders.smtp import SmtpSender, SmtpServer
from cronfleet.apps.password_expiry.users import UserColumns, UserTable
from cronfleet.config import Settings, revealed
from cronfleet.errors import ConfigurationError

JOB = "password-expiry"

_NOTE = "password_notices"
_NOBODY = "password-expiry@example.com"

log: logging.Logger = logging.getLogger(__name__)


class PasswordExpiry:
    """Mails each user whose password has expired, once. `register` makes one.

    Raises `ConfigurationError` for settings that do not fit together.
    """

    def __init__(self, scheduler: Scheduler, settings: Settings) -> None:
        self._scheduler = scheduler
        self._settings = settings
        self.uses_sample: bool = settings.users_database_url is None
        self._sender = sender_of(settings)
        if not self._sender.reaches_people:
            # A folder that cannot be is better known at the start than at the first mail.
            writable_folder(settings.mailbox_folder)
        self._letterhead = Letterhead(_email_from(settings, self._sender))
        self._parts: Parts | None = None
        self._preparing = asyncio.Lock()

    @property
    def is_dry(self) -> bool:
        """Whether nothing is sent. A real database with a real sender is, until it is told not."""
        if self._settings.dry_run is None:
            return self._sender.reaches_people and not self.uses_sample
        return self._settings.dry_run

    async def prepare(self) -> None:
        """Wait for the databases, check the columns, make what is missing, compare the outbox.

        Every run does it if nobody has. Raises `ConfigurationError`.
        """
        await self._prepared()

    async def run(self, run: RunContext) -> None:
        """The handler of the job."""
        parts = await self._prepared()
        await self._compare_outbox(parts.outbox)
        job = ExpiryJob(parts, most=self._settings.max_mails_per_run, is_dry=self.is_dry)
        await job.run(Ask(run.token, run.fire_time, run.log))

    async def page(self) -> PasswordExpiryPage:
        """How it stands, at this moment."""
        parts = await self._prepared()
        return await asyncio.to_thread(self._read_page, parts)

    def describe(self) -> list[str]:
        """What it works with, in lines for the start."""
        lines = [f"users: {self._users_shown()}", f"mails go to {self._sender.describe()}"]
        if self.uses_sample and self._settings.email_password and not self._sender.reaches_people:
            lines.append(
                "NO MAIL LEAVES THIS MACHINE although EMAIL_USER and EMAIL_PASSWORD are set: these "
                "are sample users; set USERS_DATABASE_URL to mail your own"
            )
        if self.is_dry:
            lines.append(
                "DRY RUN: notices are made, and none is sent; set DRY_RUN=false to send at most "
                f"{self._settings.max_mails_per_run} in a run (MAX_MAILS_PER_RUN)"
            )
        return lines

    async def close(self) -> None:
        """Give connections back."""
        await self._sender.close()
        if self._parts:
            self._parts.users.database.close()
            self._parts.outbox.database.close()
            self._parts = None

    async def _prepared(self) -> Parts:
        async with self._preparing:
            if self._parts is None:
                try:
                    parts = await self._make_parts()
                except DatabaseError as error:
                    raise ConfigurationError(str(error)) from None
                await self._compare_outbox(parts.outbox)
                self._parts = parts
            return self._parts

    async def _make_parts(self) -> Parts:
        users_url, setting = await asyncio.to_thread(self._users_url)
        users = UserTable(Database(users_url, setting, writes=False), columns_of(self._settings))
        await wait_for(users.database)
        await asyncio.to_thread(users.check)
        outbox = Outbox(await asyncio.to_thread(self._notices_database, users_url, setting))
        await wait_for(outbox.database)
        await asyncio.to_thread(outbox.prepare)
        return Parts(users, outbox, self._sender, _rule(self._settings), self._letterhead)

    async def _compare_outbox(self, outbox: Outbox) -> None:
        """Refuse another outbox than the fleet's: it does not know who has been mailed."""
        standing = await self._scheduler.note(_NOTE, outbox.id)
        if standing != outbox.id:
            raise ConfigurationError(
                f"nothing is sent: {outbox.database.setting} {outbox.database.shown} holds outbox "
                f"{outbox.id}, and this fleet's is {standing}; set NOTICES_DATABASE_URL to the one "
                "database that all instances share"
            )

    def _users_url(self) -> tuple[str, str]:
        url = revealed(self._settings.users_database_url)
        if url:
            return url, "USERS_DATABASE_URL"
        return make_sample_database(self._sample_file, datetime.now(UTC)), "the sample database"

    def _notices_database(self, users_url: str, users_setting: str) -> Database:
        url = revealed(self._settings.notices_database_url)
        if url is None:
            return Database(users_url, users_setting, writes=True)
        if url.startswith("sqlite:///"):
            private_file(Path(url.removeprefix("sqlite:///")))
        return Database(url, "NOTICES_DATABASE_URL", writes=True)

    def _read_page(self, parts: Parts) -> PasswordExpiryPage:
        counts = parts.outbox.counts()
        return PasswordExpiryPage(
            users=self._users_shown(),
            sender=self._sender.describe(),
            is_dry=self.is_dry,
            counts={state.value: count for state, count in counts.items()},
            notices=parts.outbox.recent(SHOWN),
            mails=mails_in(self._settings.mailbox_folder),
        )

    def _users_shown(self) -> str:
        if self.uses_sample:
            return f"200 made-up ones in {self._sample_file}"
        return f"table {self._settings.users_table} in your database"

    @property
    def _sample_file(self) -> Path:
        return self._settings.cronfleet_data_dir / "sample-users.db"


def register(scheduler: Scheduler, settings: Settings) -> PasswordExpiry:
    """Add the job to a scheduler that has not started.

    Raises `ConfigurationError` for settings that do not fit together.
    """
    application = PasswordExpiry(scheduler, settings)
    schedule = cron(settings.cron_schedule, tz=settings.cron_timezone)
    # What a lost run has not sent, the next tick finds.
    scheduler.add_job(application.run, schedule, JOB, overlap="skip", on_lost="abandon")
    return application


def _rule(settings: Settings) -> ExpiryRule:
    if settings.users_password_expires_column:
        return ExpiryRule(max_age=None)
    return ExpiryRule(timedelta(days=settings.password_max_age_days))


def columns_of(settings: Settings) -> UserColumns:
    return UserColumns(
        table=settings.users_table,
        id=settings.users_id_column,
        email=settings.users_email_column,
        name=settings.users_name_column,
        date=settings.users_password_expires_column or settings.users_password_changed_column,
    )


def sender_of(settings: Settings) -> Sender:
    """The sender that the settings choose. Raises `ConfigurationError`."""
    is_sample = settings.users_database_url is None
    has_login = settings.email_user is not None and settings.email_password is not None
    wanted = settings.mail_sender or ("smtp" if has_login and not is_sample else "mailbox")
    if wanted == "mailbox":
        return MailboxSender(settings.mailbox_folder)
    if is_sample:
        raise ConfigurationError(
            "MAIL_SENDER 'smtp': sample users are never mailed; set USERS_DATABASE_URL to your "
            "users, or MAIL_SENDER=mailbox"
        )
    if (settings.email_user is None) != (settings.email_password is None):
        raise ConfigurationError("EMAIL_USER and EMAIL_PASSWORD: set both, or neither")
    return SmtpSender(
        SmtpServer(
            host=settings.smtp_host,
            port=settings.mail_port,
            tls=settings.smtp_tls,
            user=settings.email_user,
            password=revealed(settings.email_password),
        )
    )


def _email_from(settings: Settings, sender: Sender) -> str:
    if not sender.reaches_people:
        return settings.email_from or _NOBODY
    email_from = settings.email_from or settings.email_user
    if email_from is None:
        raise ConfigurationError("EMAIL_FROM: set it to the address that the mails come from")
    return email_from
