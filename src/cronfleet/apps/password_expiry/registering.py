"""The application's jobs, on somebody's scheduler."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cronfleet import History, Scheduler, cron, every
from cronfleet.apps.password_expiry.app import DELIVERY_JOB, JOB, PasswordExpiry
from cronfleet.apps.password_expiry.mails.summarising import SUMMARY_JOB
from cronfleet.apps.password_expiry.making import quiet_hours_from
from cronfleet.apps.password_expiry.users.source import UserSource
from cronfleet.config import Settings
from cronfleet.errors import ConfigurationError

_TICKS_LOOKED_AT = 20


def register(
    scheduler: Scheduler, settings: Settings, users: UserSource | None = None
) -> PasswordExpiry:
    """Add the jobs to a scheduler that has not started; `users` are those of a source of your own.

    Raises `ConfigurationError` for settings that do not fit together.
    """
    application = PasswordExpiry(scheduler, settings, users)
    check_hours(settings, datetime.now(UTC))
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


def check_hours(settings: Settings, now: datetime) -> None:
    """Refuse quiet hours that hold each run of the coming weeks: nobody would ever be mailed.

    Raises `ConfigurationError`.
    """
    hours = quiet_hours_from(settings)
    if hours is None:
        return
    ticks = cron(settings.cron_schedule, tz=settings.cron_timezone).for_job(JOB)
    start = now
    for _ in range(_TICKS_LOOKED_AT):
        tick = next(ticks.after(start), None)
        if tick is None or not hours.hold_at(tick):
            return
        # There may be thousands of ticks in one night.
        start = hours.end_after(tick) - timedelta(milliseconds=1)
    raise ConfigurationError(
        f"QUIET_HOURS {hours} hold each run of CRON_SCHEDULE {settings.cron_schedule!r}, so no mail "
        "would ever leave: let it have a run outside of them"
    )
