"""The application, put together from its settings."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime

from cronfleet import RunContext, Scheduler
from cronfleet.apps.alerting import Condition
from cronfleet.apps.mailing.in_order import each_of
from cronfleet.apps.mailing.sending import SenderRefusedError, SenderUnavailableError
from cronfleet.apps.password_expiry.care.care import Care, HeldError, conditions_of, shown_at_start
from cronfleet.apps.password_expiry.care.keeping import Allowance, Keeper, Report
from cronfleet.apps.password_expiry.care.retention import Retention
from cronfleet.apps.password_expiry.databases.databases import DatabaseError, wait_for
from cronfleet.apps.password_expiry.databases.files import writable_folder
from cronfleet.apps.password_expiry.job import ExpiryJob, RunReport
from cronfleet.apps.password_expiry.mails.previewing import Preview, Previewer
from cronfleet.apps.password_expiry.mails.summary import KeptBack
from cronfleet.apps.password_expiry.making import (
    canary_from,
    copies_from,
    is_sample,
    letterhead_from,
    notices_database,
    quiet_from,
    rule_from,
    sample_file,
    sender_from,
    summarising_from,
)
from cronfleet.apps.password_expiry.outbox.notices import Outbox
from cronfleet.apps.password_expiry.outbox.records import Records
from cronfleet.apps.password_expiry.outbox.states import Decision, NoticeState
from cronfleet.apps.password_expiry.outbox.values import Notice, Shard
from cronfleet.apps.password_expiry.pages.page import SHOWN, PasswordExpiryPage, mails_in
from cronfleet.apps.password_expiry.sending.delivery import Ask, Parts
from cronfleet.apps.password_expiry.sending.pacing import Pace
from cronfleet.apps.password_expiry.sources import check_sources, source_from
from cronfleet.apps.password_expiry.users.chosen import OnlyThese
from cronfleet.apps.password_expiry.users.policy import EXPIRED
from cronfleet.apps.password_expiry.users.source import UserSource
from cronfleet.config import Settings
from cronfleet.errors import ConfigurationError

JOB = "password-expiry"
DELIVERY_JOB = "password-expiry-delivery"
"""Every minute: what was put off, and has waited long enough, is sent."""

_NOTE = "outbox"
_REST_S = 15 * 60

log: logging.Logger = logging.getLogger(__name__)


class PasswordExpiry:
    """Mails each user whose password has expired, once. `register` makes one.

    Raises `ConfigurationError` for settings that do not fit together.
    """

    def __init__(
        self, scheduler: Scheduler, settings: Settings, users: UserSource | None = None
    ) -> None:
        check_sources(settings, users)
        self._scheduler = scheduler
        self._settings = settings
        self._own_users = users
        self.uses_sample: bool = users is None and is_sample(settings)
        self._sender = sender_from(settings, is_sample=self.uses_sample)
        if not self._sender.reaches_people:
            # A folder that cannot be is better known at the start than at the first mail.
            writable_folder(settings.mailbox_folder)
        self._letterhead = letterhead_from(settings, self._sender)
        self._pace = Pace(settings.mails_per_second if self._sender.reaches_people else None)
        self._summarising = summarising_from(scheduler, settings, is_sample=self.uses_sample)
        self._parts: Parts | None = None
        self._found: dict[str, str] = {}
        self._only_in_mailbox = 0
        self._seen: Report | None = None
        self._retention: Retention | None = None
        self._rests_until = time.monotonic()
        self._preparing = asyncio.Lock()

    async def is_dry(self) -> bool:
        """Whether nothing is sent. A real database with a real sender is, until it is told not.

        It is told once for all instances, in the outbox's database, or by the settings.
        """
        return await asyncio.to_thread((await self.keeper()).is_dry)

    async def keeper(self) -> Keeper:
        """What a person looks at and orders. Raises CronfleetError."""
        return self._keeper((await self._prepared()).outbox)

    async def prepare(self) -> None:
        """Wait for the databases, check the columns, make what is missing, compare the outbox.

        Every run does that if nobody has. And log in where mails are sent: a wrong password is
        better known now. Raises `ConfigurationError`.
        """
        self._seen = await self._standing()
        if not self._seen.is_dry:
            await self._check_senders()

    async def run(self, run: RunContext) -> None:
        """The handler of the job."""
        await (await self._job()).run(_ask(run))

    async def deliver(self, run: RunContext) -> None:
        """The handler of the job that sends what was put off, in time.

        A sender that refuses everything is left alone for a while: to knock every minute with a
        wrong password locks accounts.
        """
        if time.monotonic() < self._rests_until:
            return
        try:
            await (await self._job()).run_put_off(_ask(run))
        except SenderUnavailableError:
            self._rests_until = time.monotonic() + _REST_S
            raise

    @property
    def tells_summaries(self) -> bool:
        """Whether administrators are told what became of the notices."""
        return self._summarising is not None

    async def summarise(self, run: RunContext) -> None:
        """The handler of the job that tells them."""
        parts = await self._prepared()
        if self._summarising is not None:
            report = await self._standing()
            lines = shown_at_start(report, self._settings)
            kept_back = KeptBack(report.is_dry, bool(report.holds), lines)
            await self._summarising.tell(run, parts.outbox.database, kept_back)

    async def send(self, ask: Ask, most: int | None, only: tuple[str, ...] = ()) -> RunReport:
        """A run by hand, of at most so many mails, to these users alone if any are named.

        Raises CronfleetError. A part of the users says nothing of what is usual: it is not held
        for its size, and not at all sent while something else is held.
        """
        parts = await self._prepared()
        await self._compare_outbox(parts.outbox)
        care = self._care(parts)
        if only:
            parts = replace(parts, users=OnlyThese(parts.users, only))
            await asyncio.to_thread(parts.users.check)
            if holds := await care.standing():
                raise HeldError(holds[0].said)
        job = ExpiryJob(
            parts,
            most=most or self._settings.max_mails_per_run,
            is_dry=await self.is_dry(),
            care=None if only else care,
            only=only,
        )
        return await job.run(ask)

    async def _job(self) -> ExpiryJob:
        parts = await self._prepared()
        await self._compare_outbox(parts.outbox)
        return ExpiryJob(
            parts,
            most=self._settings.max_mails_per_run,
            is_dry=await self.is_dry(),
            care=self._care(parts),
        )

    def _care(self, parts: Parts) -> Care:
        settings = self._settings
        if self._retention is None:
            self._retention = Retention(
                parts.outbox.database, parts.users, settings.notices_kept_days
            )
        records = Records(parts.outbox.database)
        canary = canary_from(settings) if self._sender.reaches_people else None
        return Care(records, canary, self._retention)

    def _keeper(self, outbox: Outbox) -> Keeper:
        needs_approval = self._sender.reaches_people and not self.uses_sample
        return Keeper(outbox, Allowance(needs_approval, self._settings.dry_run))

    async def page(self) -> PasswordExpiryPage:
        """How it stands, at this moment."""
        parts = await self._prepared()
        return await asyncio.to_thread(self._read_page, parts)

    @property
    def states(self) -> list[str]:
        """Those in which a notice may be."""
        return [state.value for state in NoticeState]

    def preview(self, locale: str, threshold: str) -> Preview:
        """The mail to somebody made up. Raises ValueError, `MailTemplateError`."""
        previewer = Previewer(self._letterhead, rule_from(self._settings))
        return previewer.sample(threshold, locale, datetime.now(UTC))

    @property
    def previews(self) -> list[tuple[str, str]]:
        """Of which languages and thresholds there is a preview, the usual one first."""
        usual, copies = self._settings.default_locale, self._settings.copy_to_manager
        days = self._settings.remind_days_before or (3, 1)
        thresholds = [EXPIRED, *(f"{each}d" for each in days)]
        thresholds += [f"{each}/manager" for each in copies]
        locales = dict.fromkeys([usual, *self._letterhead.wording.locales])
        return [(locale, threshold) for locale in locales for threshold in thresholds]

    async def notices(self) -> dict[str, int]:
        """How many there are, by state. Raises DatabaseError."""
        parts = await self._prepared()
        counts = await asyncio.to_thread(parts.outbox.counts)
        return {state.value: count for state, count in counts.items()}

    async def recent(
        self, limit: int, state: str | None, before: tuple[int, str] | None
    ) -> list[Notice]:
        """Those that changed last, see `Outbox.recent`. Raises DatabaseError."""
        parts = await self._prepared()
        wanted = None if state is None else NoticeState(state)
        return await asyncio.to_thread(parts.outbox.recent, limit, wanted, before)

    async def find(self, notice: str) -> Notice | None:
        """A notice by its id. Raises DatabaseError."""
        keeper = await self.keeper()
        return await asyncio.to_thread(keeper.find, notice)

    async def decide(self, notice: str, verb: str, *, who: str, why: str) -> Notice:
        """Settle a parked notice: `approve`, `resend` or `drop`.

        Raises UnknownNoticeError, UndecidedNoticeError and DatabaseError.
        """
        keeper = await self.keeper()
        return await asyncio.to_thread(keeper.decide, notice, Decision(verb), who, why)

    async def approve(
        self, *, who: str, why: str, seen: Collection[int] | None = None
    ) -> list[str]:
        """Allow that mails are sent, and those that are held; see `Keeper.approve`."""
        keeper = await self.keeper()
        return await asyncio.to_thread(keeper.approve, who, why, seen)

    async def conditions(self) -> list[Condition]:
        """What a person must decide: what is held, and mails that nobody knows to have arrived."""
        keeper = await self.keeper()
        return conditions_of(await asyncio.to_thread(keeper.report))

    def describe(self) -> list[str]:
        """What it works with, in lines for the start."""
        lines = [f"users: {self._users_shown()}", *self._ways()]
        if self._summarising is not None:
            lines.append(self._summarising.describe())
        if self.uses_sample and self._settings.email_password and not self._sender.reaches_people:
            lines.append(
                "NO MAIL LEAVES THIS MACHINE although EMAIL_USER and EMAIL_PASSWORD are set: these "
                "are sample users; set USERS_DATABASE_URL to mail your own"
            )
        if not (self.uses_sample or self._sender.reaches_people or self._settings.mail_sender):
            lines.append(
                "NO MAIL REACHES ANYONE: without EMAIL_USER and EMAIL_PASSWORD, mails are files in "
                "that folder; set both, or MAIL_SENDER=mailbox if it is meant"
            )
        if self._only_in_mailbox:
            lines.append(
                f"{self._only_in_mailbox} notices are to be sent (again): until now only the "
                "mailbox folder had them"
            )
        return lines + (shown_at_start(self._seen, self._settings) if self._seen else [])

    async def close(self) -> None:
        """Give connections back."""
        await self._sender.close()
        if self._parts:
            self._parts.users.close()
            self._parts.outbox.database.close()
            self._parts, self._retention = None, None

    async def _standing(self) -> Report:
        report = await asyncio.to_thread((await self.keeper()).report)
        return report if self._sender.reaches_people else replace(report, holds=())

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

    async def _check_senders(self) -> None:
        """One that refuses us does not keep the others from sending."""
        senders, refusals = each_of(self._sender), list[str]()
        for sender in senders:
            try:
                await sender.check()
            except SenderUnavailableError as error:
                self._found[sender.name] = "cannot be used now"
                refusals += [str(error)] if isinstance(error, SenderRefusedError) else []
                if len(refusals) == len(senders):
                    raise ConfigurationError("; ".join(refusals)) from None
                then = "mails wait" if len(senders) == 1 else "mails go by another way, or wait"
                log.warning("%s; until then, %s", error, then)
            else:
                self._found[sender.name] = "would take a mail"

    def _ways(self) -> list[str]:
        """The sender, or each of several in order; once it was asked, what was found."""
        lines: list[str] = []
        for sender in each_of(self._sender):
            found = self._found.get(sender.name) if sender.reaches_people else None
            told = f"{sender.describe()}, which {found}" if found else sender.describe()
            lines.append(f"or else to {told}" if lines else f"mails go to {told}")
        return lines

    async def _make_parts(self) -> Parts:
        settings = self._settings
        users = self._own_users or await asyncio.to_thread(source_from, settings)
        await wait_for(users)
        await asyncio.to_thread(users.check)
        outbox = Outbox(await asyncio.to_thread(notices_database, settings))
        await wait_for(outbox.database)
        await asyncio.to_thread(outbox.prepare)
        await asyncio.to_thread(self._keeper(outbox).follow_settings)
        if self._sender.reaches_people:
            self._only_in_mailbox = await asyncio.to_thread(outbox.only_in_mailbox)
        return Parts(
            users,
            outbox,
            self._sender,
            rule_from(settings),
            self._letterhead,
            self._pace,
            settings.mails_per_day if self._sender.reaches_people else None,
            copies_from(settings),
            quiet_from(settings),
        )

    async def _compare_outbox(self, outbox: Outbox) -> None:
        """Refuse another outbox than the fleet's: it does not know who has been mailed.

        The sample's is nobody else's: each data folder has its own, and mails nobody for real.
        """
        if self.uses_sample:
            return
        found = await asyncio.to_thread(outbox.stored_id)
        standing = await self._scheduler.note(_NOTE, outbox.id)
        if found != standing:
            raise ConfigurationError(
                f"nothing is sent: {outbox.database.setting} {outbox.database.shown} holds outbox "
                f"{found or 'none'}, and only {standing} knows whom this fleet has mailed. Set "
                "NOTICES_DATABASE_URL to the database that holds it. If that is gone, or these are "
                "other users: stop all instances, and give them another CRONFLEET_FLEET; then "
                "whoever is expired gets a mail, once more if need be"
            )

    def _read_page(self, parts: Parts) -> PasswordExpiryPage:
        keeper = self._keeper(parts.outbox)
        report = keeper.report()
        return PasswordExpiryPage(
            users=self._users_shown(),
            sender=self._sender.describe(),
            is_dry=report.is_dry,
            counts=report.counts,
            notices=parts.outbox.recent(SHOWN),
            mails=mails_in(self._settings.mailbox_folder),
            needs_approval=report.is_dry and self._settings.dry_run is None,
            holds=report.holds if self._sender.reaches_people else (),
            runs=report.runs,
            parked_notices=keeper.parked()[:SHOWN],
        )

    def _users_shown(self) -> str:
        if self.uses_sample:
            return f"200 made-up ones in {sample_file(self._settings)}"
        if self._own_users:
            return self._own_users.describe()
        if self._settings.users_ldap_url:
            return (
                f"entries below {self._settings.users_ldap_base} of {self._settings.users_ldap_url}"
            )
        return f"table {self._settings.users_table} in your database"


def _ask(run: RunContext) -> Ask:
    whole, _, _ = run.run_id.partition("/")
    shard = Shard(run.shard, run.shards, whole)
    # What users were due at a fire time long ago is nothing that they should hear of today.
    now = datetime.now(UTC) if run.kind == "backfill" else run.fire_time
    return Ask(run.token, now, run.log, run.draining, run.lost, shard)
