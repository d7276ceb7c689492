"""The application's jobs, on somebody's scheduler."""

from __future__ import annotations

from datetime import timedelta

from cronfleet import History, Scheduler, cron, every
from cronfleet.apps.password_expiry.app import DELIVERY_JOB, JOB, PasswordExpiry
from cronfleet.apps.password_expiry.mails.summarising import SUMMARY_JOB
from cronfleet.apps.password_expiry.users.source import UserSource
from cronfleet.config import Settings


def register(
    scheduler: Scheduler, settings: Settings, users: UserSource | None = None
) -> PasswordExpiry:
    """Add the jobs to a scheduler that has not started; `users` are those of a source of your own.

    Raises `ConfigurationError` for settings that do not fit together.
    """
    application = PasswordExpiry(scheduler, settings, users)
    schedule = cron(settings.cron_schedule, tz=settings.cron_timezone)
    # What a lost run has not sent, the next tick finds.
    scheduler.add_job(
        application.run,
        schedule,
        JOB,
        overlap="skip",
        on_lost="abandon",
        shards=settings.users_shards,
    )
    scheduler.add_job(
        application.deliver,
        every(timedelta(minutes=1)),
        DELIVERY_JOB,
        overlap="skip",
        on_lost="abandon",
        misfire="skip",
        history=History(successes=10, failures=100),
    )
    if application.tells_summaries:
        daily = cron(settings.summary_schedule, tz=settings.cron_timezone)
        scheduler.add_job(application.summarise, daily, SUMMARY_JOB, overlap="skip")
    return application
