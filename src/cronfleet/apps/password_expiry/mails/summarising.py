"""The job that mails the summary to the administrators."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from cronfleet import RunContext, Scheduler
from cronfleet.apps.mailing.addresses import BadAddressError, checked_address
from cronfleet.apps.mailing.sending import (
    MAY_HAVE_ARRIVED,
    Sender,
    SenderUnavailableError,
    always,
)
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.mails.summary import KeptBack, summary_mail
from cronfleet.apps.password_expiry.outbox.changes import Changed, changed_since
from cronfleet.errors import ConfigurationError, CronfleetError

SUMMARY_JOB = "password-expiry-summary"


class SummaryNotSentError(CronfleetError):
    """Nobody got the summary; the next one tells of the same, too."""


class Summarising:
    """Tells what has changed since the last summary; nothing where nothing has.

    Up to when was told is remembered with the job, for the whole fleet, after it was told: a crash
    in between tells it again.
    """

    def __init__(
        self, scheduler: Scheduler, sender: Sender, from_address: str, recipients: Sequence[str]
    ) -> None:
        self._scheduler = scheduler
        self._sender = sender
        self._from = from_address
        self._recipients = recipients

    def describe(self) -> str:
        return f"a summary goes to {', '.join(self._recipients)}"

    async def tell(self, run: RunContext, database: Database, kept_back: KeptBack) -> None:
        """One that got it is enough. Raises `SummaryNotSentError`, `DatabaseError`."""
        changed = await asyncio.to_thread(changed_since, database, _told_until(run.args))
        if not changed.total:
            run.log.info("nothing has changed since the last summary")
            return
        got, refused = await self._send(run, changed, kept_back)
        if not got:
            raise SummaryNotSentError(f"nobody got the summary: {'; '.join(refused)}")
        of = len(self._recipients)
        for said in refused:
            run.log.warning("%d of %d in SUMMARY_TO got the summary: %s", got, of, said)
        run.log.info("told of %d notices that changed", changed.total)
        await self._scheduler.update_job(
            SUMMARY_JOB, args={"until": changed.until}, who=SUMMARY_JOB, why="a summary was sent"
        )

    async def _send(
        self, run: RunContext, changed: Changed, kept_back: KeptBack
    ) -> tuple[int, list[str]]:
        """How many got it, and what was said by those that did not take it."""
        got, refused = 0, list[str]()
        try:
            for number, recipient in enumerate(self._recipients):
                id_ = f"summary-{run.fire_time:%Y%m%dT%H%M%S}-{number}"
                mail = summary_mail(id_, self._from, recipient, changed, kept_back)
                result = await self._sender.send(mail, always)
                if result.answer in MAY_HAVE_ARRIVED:
                    got += 1
                else:
                    refused.append(f"{self._sender.describe()}: {result.said}")
        except SenderUnavailableError as error:  # It would be so for the others, too.
            refused.append(str(error))
        finally:
            await self._sender.close()
        return got, refused


def summary_recipients(addresses: Sequence[str]) -> list[str]:
    """As they are written in `SUMMARY_TO`. Raises `ConfigurationError`."""
    try:
        return [checked_address(each) for each in dict.fromkeys(addresses) if each]
    except BadAddressError as error:
        raise ConfigurationError(
            f"SUMMARY_TO {', '.join(addresses)!r}: {error}; write it@example.com, or several with "
            "commas between"
        ) from None


def _told_until(args: Mapping[str, Any]) -> int | None:
    until = args.get("until")
    return until if isinstance(until, int) else None
