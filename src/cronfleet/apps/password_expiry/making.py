"""The application's parts, each made from the settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cronfleet import Scheduler
from cronfleet.apps.mailing.addresses import from_line
from cronfleet.apps.mailing.in_order import SendersInOrder
from cronfleet.apps.mailing.making import sendgrid_sender, ses_sender, smtp_server
from cronfleet.apps.mailing.sending import Sender
from cronfleet.apps.mailing.smtp import SmtpSender
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.databases.engines import sqlite_file
from cronfleet.apps.password_expiry.databases.files import private_file
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.mails.previewing import Previewer
from cronfleet.apps.password_expiry.mails.summarising import Summarising, summary_recipients
from cronfleet.apps.password_expiry.mails.wording.brand import Brand
from cronfleet.apps.password_expiry.mails.wording.templates import MailTemplateError, MailTemplates
from cronfleet.apps.password_expiry.mails.wording.wording import Wording
from cronfleet.apps.password_expiry.outbox.canary import Canary
from cronfleet.apps.password_expiry.sending.delivery import never
from cronfleet.apps.password_expiry.sending.mailbox import MailboxSender
from cronfleet.apps.password_expiry.users.copies import Copies
from cronfleet.apps.password_expiry.users.policy import ExpiryRule, QuietHours
from cronfleet.apps.password_expiry.users.sample import make_sample_database
from cronfleet.apps.password_expiry.users.table import UserColumns
from cronfleet.config import Settings, revealed
from cronfleet.config.mails import SenderName
from cronfleet.errors import ConfigurationError

USERS_URL = "USERS_DATABASE_URL"
NOTICES_URL = "NOTICES_DATABASE_URL"
_NOBODY = "password-expiry@example.com"


def rule_from(settings: Settings) -> ExpiryRule:
    has_age = settings.users_password_expires_column is None
    return ExpiryRule(
        max_age=timedelta(days=settings.password_max_age_days) if has_age else None,
        remind=settings.remind_days_before,
        zone=ZoneInfo(settings.cron_timezone),
    )


def quiet_from(settings: Settings) -> Callable[[], bool]:
    """Whether no mail is to be sent now."""
    hours = quiet_hours_from(settings)
    return never if hours is None else lambda: hours.hold_at(datetime.now(UTC))


def quiet_hours_from(settings: Settings) -> QuietHours | None:
    if settings.quiet_hours is None:
        return None
    return QuietHours(*settings.quiet_hours, ZoneInfo(settings.cron_timezone))


def columns_from(settings: Settings) -> UserColumns:
    return UserColumns(
        table=settings.users_table,
        id=settings.users_id_column,
        email=settings.users_email_column,
        name=settings.users_name_column,
        date=settings.users_password_expires_column or settings.users_password_changed_column,
        locale=settings.users_locale_column,
        active=settings.users_active_column,
        manager=settings.users_manager_email_column,
        never_expires=settings.users_never_expires_column,
        max_age_days=settings.users_max_age_days_column,
    )


def sender_of(settings: Settings) -> Sender:
    """As `sender_from`, for the users that the settings mean. Raises `ConfigurationError`."""
    return sender_from(settings, is_sample=_are_made_up(settings))


def sender_from(settings: Settings, *, is_sample: bool) -> Sender:
    """The sender that the settings choose, or several in order. Raises `ConfigurationError`."""
    is_half = (settings.email_user is None) != (settings.email_password is None)
    if is_half and "smtp" in (settings.mail_sender or ("smtp",)):
        raise ConfigurationError(
            "EMAIL_USER and EMAIL_PASSWORD: set both, or neither, or MAIL_SENDER=mailbox"
        )
    wanted = _wanted(settings, is_sample=is_sample)
    if wanted == ("mailbox",):
        return MailboxSender(settings.mailbox_folder)
    if is_sample:
        raise ConfigurationError(
            f"MAIL_SENDER '{','.join(wanted)}': sample users are never mailed; set "
            "USERS_DATABASE_URL to your users, or MAIL_SENDER=mailbox"
        )
    senders = [_named(name, settings) for name in wanted]
    return senders[0] if len(senders) == 1 else SendersInOrder(senders)


def would_reach_people(settings: Settings) -> bool:
    """Whether mails would leave, as far as the settings say. Nothing is made for it, or refused."""
    return not _are_made_up(settings) and _wanted(settings, is_sample=False) != ("mailbox",)


def _are_made_up(settings: Settings) -> bool:
    return is_sample(settings) and not are_users_elsewhere(settings)


def _wanted(settings: Settings, *, is_sample: bool) -> tuple[SenderName, ...]:
    has_login = settings.email_user is not None and settings.email_password is not None
    default: SenderName = "smtp" if has_login and not is_sample else "mailbox"
    return settings.mail_sender or (default,)


def _named(name: SenderName, settings: Settings) -> Sender:
    match name:
        case "ses":
            return ses_sender(settings)
        case "sendgrid":
            return sendgrid_sender(settings)
        case _:
            return SmtpSender(smtp_server(settings))


def letterhead_from(settings: Settings, sender: Sender) -> Letterhead:
    """Raises `ConfigurationError`."""
    return Letterhead(_from(settings, sender), wording_from(settings))


def previewer_from(settings: Settings) -> Previewer:
    """Raises `ConfigurationError`."""
    return Previewer(letterhead_from(settings, sender_of(settings)), rule_from(settings))


def summarising_from(
    scheduler: Scheduler, settings: Settings, *, is_sample: bool
) -> Summarising | None:
    """None where nobody is to get a summary. Raises `ConfigurationError`."""
    recipients = summary_recipients(settings.summary_to)
    if not recipients:
        return None
    # One of its own: what it gives up are no connections of a run that is sending.
    sender = sender_from(settings, is_sample=is_sample)
    return Summarising(scheduler, sender, from_line(_from(settings, sender)).addr_spec, recipients)


def wording_from(settings: Settings) -> Wording:
    """What the mails say, each template tried. Raises `ConfigurationError`."""
    brand = Brand(
        name=settings.brand_name or "",
        color=settings.brand_color,
        contact=settings.support_contact or "",
        change_url=settings.password_change_url or "",
    )
    try:
        templates = MailTemplates(settings.templates_dir, settings.default_locale)
        return Wording(templates, brand, settings.cron_timezone)
    except MailTemplateError as error:
        where = f" {settings.templates_dir}" if settings.templates_dir else ""
        raise ConfigurationError(f"TEMPLATES_DIR{where}: {error}") from None


def canary_from(settings: Settings) -> Canary:
    return Canary(settings.canary_percent, settings.canary_times)


def copies_from(settings: Settings) -> Copies:
    return Copies(frozenset(settings.copy_to_manager))


def _from(settings: Settings, sender: Sender) -> str:
    if not sender.reaches_people:
        return settings.email_from or _NOBODY
    email_from = settings.email_from or settings.email_user
    if email_from is None:
        raise ConfigurationError("EMAIL_FROM: set it to the address that the mails come from")
    return email_from


def is_sample(settings: Settings) -> bool:
    """Whether the users are made-up ones, also when their file is named as if it were another."""
    if settings.users_ldap_url:
        return False
    url = revealed(settings.users_database_url)
    if url is None:
        return True
    file = sqlite_file(url, USERS_URL)
    return file is not None and file.resolve() == sample_file(settings).resolve()


def are_users_elsewhere(settings: Settings) -> bool:
    """Whether only a program with a source of its own knows them: no setting names any.

    Made-up users have their notices beside them; these cannot.
    """
    names_users = settings.users_ldap_url or settings.users_database_url
    return settings.notices_database_url is not None and not names_users


def sample_file(settings: Settings) -> Path:
    return settings.cronfleet_data_dir / "sample-users.db"


def users_url(settings: Settings) -> tuple[str, str]:
    """The URL of the users' database, and what named it. Makes the sample where none is named."""
    url = revealed(settings.users_database_url)
    if url:
        return url, USERS_URL
    return make_sample_database(sample_file(settings), datetime.now(UTC)), "the sample database"


def notices_database(settings: Settings) -> Database:
    """The one that the settings name, else the users'. Raises `ConfigurationError`."""
    url, setting = outbox_url(settings)
    if url is None or setting != NOTICES_URL:
        return Database(*users_url(settings), writes=True)
    if file := sqlite_file(url, setting):
        private_file(file)
    return Database(url, setting, writes=True)


def outbox_url(settings: Settings) -> tuple[str | None, str]:
    """The URL of the database with the notices, and its setting; None: that of made-up users."""
    url = revealed(settings.notices_database_url)
    if url is None:
        return revealed(settings.users_database_url), USERS_URL
    return url, NOTICES_URL


def outbox_file(settings: Settings) -> Path | None:
    """The file with the notices, if it is one that SQLite makes. Raises `ConfigurationError`."""
    url, setting = outbox_url(settings)
    return sample_file(settings) if url is None else sqlite_file(url, setting)
