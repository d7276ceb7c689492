"""The care that the job takes: what it made is judged before anything is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from cronfleet.apps.alerting import Condition
from cronfleet.apps.password_expiry.care.keeping import Report
from cronfleet.apps.password_expiry.care.retention import STEPS_PER_RUN, Retention
from cronfleet.apps.password_expiry.outbox.canary import Canary
from cronfleet.apps.password_expiry.outbox.records import Hold, Records, Scan, Whole
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.outbox.values import Shard
from cronfleet.apps.password_expiry.sending.delivery import Ask
from cronfleet.apps.password_expiry.users.source import (
    Divisible,
    Pages,
    UserSource,
    part_of,
    undivided,
)
from cronfleet.config import Settings
from cronfleet.context import LogAdapter
from cronfleet.errors import ConfigurationError, CronfleetError

TO_APPROVE = (
    "look at it, and send it with `cronfleet password-expiry approve`, or on the page "
    "/password-expiry"
)


class HeldError(CronfleetError):
    """Something is held, and so nothing is sent."""

    def __init__(self, said: str) -> None:
        super().__init__(f"nothing is sent, something is held: {said}; {TO_APPROVE}")


class Care:
    """Of one outbox. Without a canary nothing is held: where no mail reaches anyone.

    Every method raises `DatabaseError`.
    """

    def __init__(
        self, records: Records, canary: Canary | None, retention: Retention | None = None
    ) -> None:
        self._records = records
        self._canary = canary
        self._retention = retention

    async def begin(self, fire_time: datetime, shard: Shard) -> int:
        """A run begins, or a shard of it; its number."""
        return await asyncio.to_thread(self._records.begin, fire_time, shard)

    async def pages(self, run: int, users: UserSource, shard: Shard) -> Pages:
        """What this shard is to read of the users. Raises `ConfigurationError`."""
        if shard.of == 1:
            return users
        if not isinstance(users, Divisible):  # Another instance has other settings.
            raise ConfigurationError(undivided(users.shown))
        bounds: Sequence[str] | None = await asyncio.to_thread(self._records.bounds, run)
        if bounds is None:
            found = await asyncio.to_thread(users.bounds, shard.of)
            bounds = await asyncio.to_thread(self._records.agree, run, found[: shard.of - 1])
        return part_of(users, shard.number, bounds)

    async def end(self, run: int, scan: Scan, log: LogAdapter) -> Whole | None:
        """A shard has made its notices. With the last one of a run, hold them if they are too many.

        None: it is not the last one.
        """
        whole = await asyncio.to_thread(self._records.end, run, scan, self._canary)
        if whole and whole.hold:
            log.error("held, nothing is sent: %s; %s", whole.hold.said, TO_APPROVE)
        return whole

    async def standing(self) -> Sequence[Hold]:
        """The holds that stand: while there is one, nothing is sent."""
        return await asyncio.to_thread(self._records.standing) if self._canary else []

    async def prune(self, ask: Ask) -> None:
        """Delete what is old enough, a few at a time."""
        deleted = 0
        for _ in range(STEPS_PER_RUN):
            if self._retention is None or ask.is_over:
                break
            step = await asyncio.to_thread(self._retention.step, ask.now)
            if step is None:
                break
            deleted += step
        if deleted:
            ask.log.info("%d old notices are deleted (NOTICES_KEPT_DAYS)", deleted)


def conditions_of(report: Report) -> list[Condition]:
    """What a person must decide, for whoever is told of it."""
    conditions = [
        Condition("mails are held", f"{hold.said}; {TO_APPROVE}") for hold in report.holds[:1]
    ]
    if parked := report.counts.get(NoticeState.UNCERTAIN.value, 0):
        conditions.append(
            Condition(
                "notices are parked",
                f"Notices that are UNCERTAIN: {parked}. Whether the mail server accepted them is not "
                "known, and they are not sent again. See the page /password-expiry",
            )
        )
    return conditions


def shown_at_start(report: Report, settings: Settings) -> list[str]:
    """What keeps mails back, as it stood when an instance began."""
    lines = [f"HELD, nothing is sent: {hold.said}; {TO_APPROVE}" for hold in report.holds]
    if not report.is_dry:
        return lines
    most = f"at most {settings.max_mails_per_run} in a run (MAX_MAILS_PER_RUN)"
    until = (
        "until DRY_RUN is removed or false"
        if settings.dry_run
        else "until somebody approves: cronfleet password-expiry approve (or DRY_RUN=false) "
        f"sends {most}"
    )
    return [f"DRY RUN: notices are made, and none is sent {until}", *lines]
