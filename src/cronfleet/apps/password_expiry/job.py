"""One run of the job: find the users who are due, note what is missing, send what is due."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from cronfleet.apps.mailing.addresses import is_reachable
from cronfleet.apps.password_expiry.care.care import Care
from cronfleet.apps.password_expiry.outbox.records import Hold, Scan, Whole
from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.sending.delivery import Ask, Delivery, Parts
from cronfleet.apps.password_expiry.users.ahead import Ahead
from cronfleet.apps.password_expiry.users.copies import recipient_of
from cronfleet.apps.password_expiry.users.judging import Complaint, Judge
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User
from cronfleet.apps.password_expiry.users.source import PAGE, Pages

_NAMED = 3  # How many users with unreadable rows the log names.


@dataclass(slots=True)
class RunReport:
    """What a run found and did."""

    users: int = 0
    due: int = 0
    made: int = 0
    bad_rows: int = 0
    settled: Counter[NoticeState] = field(default_factory=Counter[NoticeState])
    waiting: int = 0
    kept_back: str = ""
    """Why nothing was sent, if that was so."""

    is_day_full: bool = False

    @property
    def found(self) -> str:
        """What was read and made, in words."""
        told = f"{self.users} users read, {self.due} due, {self.made} new notices"
        return f"{told}, {self.bad_rows} unreadable rows" if self.bad_rows else told

    def __str__(self) -> str:
        told = f"{self.kept_back}: {self.found}" if self.kept_back else self.found
        told += "".join(f", {n} {state}" for state, n in sorted(self.settled.items()) if n)
        told += f"; {self.waiting} to be sent"
        return f"{told}, later: MAILS_PER_DAY is reached" if self.is_day_full else told


class ExpiryJob:
    """The job. It may run anywhere, at any time and twice at once: the outbox decides.

    Dry, it makes the notices and sends none. In a run it sends `most` mails at most, and if any
    users are named with `only`, to these.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        most: int,
        is_dry: bool,
        care: Care | None = None,
        only: tuple[str, ...] = (),
    ) -> None:
        self._parts = parts
        self._most = most
        self._is_dry = is_dry
        self._care = care
        self._only = only
        self._run: int | None = None

    async def run(self, ask: Ask) -> RunReport:
        """Raises `CronfleetError` when a database or the sender is away; the next run goes on.

        Of several shards the one that has read its users last sends, once all are judged as one.
        """
        await self._reap(ask)
        self._run = await self._care.begin(ask.now, ask.shard) if self._care else None
        await self._reopen(ask)
        report = RunReport()
        whole = await self._scan(ask, report)
        if ask.shard.of > 1:
            if whole is None:
                ask.log.info("%s; the shard that is the last to read its users sends", report.found)
                return report
            ask.log.info("all %d shards together: %s", ask.shard.of, whole)
        is_held = await self._is_held(ask)
        if not (self._is_dry or self._parts.is_quiet() or is_held):
            await self._deliver(self._delivery(ask), report)
        await self._tell(ask, report)
        # While the users may not be what they were, none of their notices is given up.
        if self._care and whole and whole.users and not is_held:
            await self._care.prune(ask)
        return report

    async def run_put_off(self, ask: Ask) -> RunReport | None:
        """Deliver what was put off and has waited long enough; None when there is nothing.

        What a crash has left is put right first, also while nothing is sent.
        """
        outbox = self._parts.outbox
        # Here too, each minute: the next run of the other job may be a day away.
        await self._reap(ask)
        if self._is_dry or self._parts.is_quiet():
            return None
        if not await asyncio.to_thread(outbox.waiting, only_put_off=True):
            return None
        if self._care and await self._care.standing():  # The run has said so.
            return None
        report = RunReport()
        await self._deliver(self._delivery(ask, only_put_off=True), report)
        await self._tell(ask, report)
        return report

    def _delivery(self, ask: Ask, *, only_put_off: bool = False) -> Delivery:
        return Delivery(self._parts, ask, self._most, only_put_off=only_put_off, users=self._only)

    async def _reap(self, ask: Ask) -> None:
        reaped = await asyncio.to_thread(self._parts.outbox.reap)
        for user in reaped.uncertain:
            ask.log.warning("user %r: whether the mail was accepted is not known", user)

    async def _reopen(self, ask: Ask) -> None:
        if not self._parts.sender.reaches_people:
            return
        # The others are for a run of all users: it counts them, and holds them if they are too many.
        reopen = self._parts.outbox.reopen_for_people
        reopened = await asyncio.to_thread(reopen, self._run, self._only)
        if reopened:
            ask.log.warning("%d notices are to be sent: only the mailbox had them", reopened)

    async def _scan(self, ask: Ask, report: RunReport) -> Whole | None:
        """Page by page, so that memory does not grow with the users."""
        pages = await self._pages(ask)
        report.bad_rows += await self._rows_without_id(ask)
        without_id = report.bad_rows
        named: list[Complaint] = []
        missing: dict[NoticeKey, User] = {}
        judge = Judge(self._parts.rule, ask.now, self._parts.copies)
        ahead = Ahead(self._parts.rule.zone, ask.now)
        after: object = None
        while not ask.is_over:
            page = await asyncio.to_thread(pages.page, after)
            if not page.users:
                break
            after = page.last_id
            judged = judge.page(page)
            ahead.count(judged.expiries)
            named += judged.bad[: _NAMED - len(named)]
            report.users += len(page.users)
            report.due += len(judged.due)
            report.bad_rows += len(judged.bad)
            missing |= judged.due
            if len(missing) >= PAGE:  # A commit for each page would take longer than the reading.
                report.made += await self._add(missing)
                missing = {}
        report.made += await self._add(missing)
        self._complain(ask, report.bad_rows - without_id, named)
        # Who has not read all users does not know what part of them it is: the next run will.
        if self._care is None or self._run is None or ask.is_over:
            return None
        scan = Scan(report.users, report.due, ahead.days)
        return await self._care.end(self._run, scan, ask.log)

    async def _pages(self, ask: Ask) -> Pages:
        if self._care is None or self._run is None:
            return self._parts.users
        return await self._care.pages(self._run, self._parts.users, ask.shard)

    async def _is_held(self, ask: Ask) -> bool:
        holds: Sequence[Hold] = await self._care.standing() if self._care else ()
        for hold in holds:
            ask.log.warning(
                "nothing is sent, held since %s: %s", f"{hold.at:%Y-%m-%d %H:%M} UTC", hold.said
            )
        return bool(holds)

    async def _add(self, due: dict[NoticeKey, User]) -> int:
        added = await asyncio.to_thread(self._parts.outbox.add, list(due), self._run)
        told = {key: recipient_of(due[key], key) for key in added.badly_addressed}
        to_people = self._parts.sender.reaches_people
        good = {
            key: address
            for key, address in told.items()
            if is_reachable(address, reaches_people=to_people)
        }
        suppressed = await asyncio.to_thread(self._parts.outbox.suppressed, list(good.values()))
        mended = [key for key, address in good.items() if address not in suppressed]
        return added.made + await asyncio.to_thread(self._parts.outbox.revive, mended, self._run)

    async def _rows_without_id(self, ask: Ask) -> int:
        if ask.shard.number:  # They are in no part: the first one tells of them.
            return 0
        rows = await asyncio.to_thread(self._parts.users.without_id)
        if rows:
            ask.log.warning("%d users get no notice: they have no id", rows)
        return rows

    def _complain(self, ask: Ask, bad: int, named: list[Complaint]) -> None:
        """One line a run: were the column another one, it would be a line for each user."""
        if bad:
            examples = "; ".join(f"user {key!r:.300}: {complaint}" for key, complaint in named)
            ask.log.warning(
                "%d users get no notice: their rows cannot be read, such as %s", bad, examples
            )

    async def _deliver(self, delivery: Delivery, report: RunReport) -> None:
        report.settled = delivery.settled
        await delivery.run()

    async def _tell(self, ask: Ask, report: RunReport) -> None:
        counts = await asyncio.to_thread(self._parts.outbox.counts)
        report.waiting = counts[NoticeState.PENDING] + counts[NoticeState.LEASED]
        if (per_day := self._parts.per_day) is not None and report.waiting and not self._is_dry:
            left = await asyncio.to_thread(self._parts.outbox.left_of_the_day, per_day)
            report.is_day_full = left == 0
        report.kept_back = self._why_nothing_is_sent()
        ask.log.info("%s", report)

    def _why_nothing_is_sent(self) -> str:
        if self._is_dry:
            return "dry run, nothing is sent"
        return "quiet hours, what is due is sent after them" if self._parts.is_quiet() else ""
