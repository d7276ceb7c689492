"""One run of the job: find the users who are due, note what is missing, send what is due."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TypeAlias

from cronfleet.apps.password_expiry.delivery import Ask, Delivery, Parts
from cronfleet.apps.password_expiry.policy import BadRowError, NoticeKey
from cronfleet.apps.password_expiry.states import NoticeState
from cronfleet.apps.password_expiry.users import PAGE, UserPage

_NAMED = 10  # How many users with unreadable rows the log names.
_NOT_UNIQUE = "its id stands in several rows; name a unique column with USERS_ID_COLUMN"

_Complaint: TypeAlias = tuple[str, str]
"""A user's id, and what is wrong with its row."""


@dataclass(slots=True)
class RunReport:
    """What a run found and did."""

    users: int = 0
    due: int = 0
    made: int = 0
    bad_rows: int = 0
    settled: Counter[NoticeState] = field(default_factory=Counter[NoticeState])
    waiting: int = 0

    def __str__(self) -> str:
        told = f"{self.users} users read, {self.due} due, {self.made} new notices"
        if self.bad_rows:
            told += f", {self.bad_rows} unreadable rows"
        told += "".join(f", {n} {state}" for state, n in sorted(self.settled.items()))
        return f"{told}; {self.waiting} to be sent"


class ExpiryJob:
    """The job. It may run anywhere, at any time and twice at once: the outbox decides.

    Dry, it makes the notices and sends none. In a run it sends `most` mails at most.
    """

    def __init__(self, parts: Parts, *, most: int, is_dry: bool) -> None:
        self._parts = parts
        self._most = most
        self._is_dry = is_dry

    async def run(self, ask: Ask) -> RunReport:
        """Raises `CronfleetError` when a database or the sender is away; the next run goes on."""
        await self._reap(ask)
        report = await self._scan(ask)
        if not self._is_dry:
            await self._deliver(ask, report)
        report.waiting = await asyncio.to_thread(self._pending)
        ask.log.info("%s%s", "dry run, nothing is sent: " if self._is_dry else "", report)
        return report

    async def _reap(self, ask: Ask) -> None:
        reaped = await asyncio.to_thread(self._parts.outbox.reap)
        for user in reaped.uncertain:
            ask.log.warning("user %r: whether the mail was accepted is not known", user)

    async def _scan(self, ask: Ask) -> RunReport:
        """Page by page, so that memory does not grow with the users."""
        report = RunReport(bad_rows=await self._rows_without_id(ask))
        missing: list[NoticeKey] = []
        after: object = None
        while (page := await asyncio.to_thread(self._parts.users.page, after)).users:
            after = page.last_id
            due, bad = self._judge(page, ask)
            self._complain(ask, bad, already=report.bad_rows)
            report.users += len(page.users)
            report.due += len(due)
            report.bad_rows += len(bad)
            missing += due
            if len(missing) >= PAGE:  # A commit for each page would take longer than the reading.
                report.made += await asyncio.to_thread(self._parts.outbox.add, missing)
                missing = []
        report.made += await asyncio.to_thread(self._parts.outbox.add, missing)
        return report

    async def _rows_without_id(self, ask: Ask) -> int:
        rows = await asyncio.to_thread(self._parts.users.without_id)
        if rows:
            ask.log.warning("%d users get no notice: they have no id", rows)
        return rows

    def _judge(self, page: UserPage, ask: Ask) -> tuple[list[NoticeKey], list[_Complaint]]:
        due: list[NoticeKey] = []
        bad: list[_Complaint] = []
        for user in page.users:
            if user.key in page.repeated:
                bad.append((user.key, _NOT_UNIQUE))
                continue
            try:
                key = self._parts.rule.due_notice(user, ask.now)
            except BadRowError as error:
                bad.append((user.key, str(error)))
            else:
                due += [key] if key else []
        return due, bad

    def _complain(self, ask: Ask, bad: list[_Complaint], already: int) -> None:
        for key, complaint in bad[: max(0, _NAMED - already)]:
            ask.log.warning("user %.300r gets no notice: %s", key, complaint)

    async def _deliver(self, ask: Ask, report: RunReport) -> None:
        delivery = Delivery(self._parts, ask, self._most)
        report.settled = delivery.settled
        await delivery.run()

    def _pending(self) -> int:
        return self._parts.outbox.counts()[NoticeState.PENDING]
