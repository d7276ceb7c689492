"""`cronfleet password-expiry send`: what would be sent, a run by hand, or mails to oneself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta

import click

from cronfleet import Scheduler
from cronfleet.apps.password_expiry.app import PasswordExpiry
from cronfleet.apps.password_expiry.care.keeping import Keeper
from cronfleet.apps.password_expiry.foreseeing import SHOWN, Chosen, Foreseen, Foresight
from cronfleet.apps.password_expiry.mails.trying import Trial
from cronfleet.apps.password_expiry.making import (
    canary_from,
    copies_from,
    letterhead_from,
    quiet_from,
    rule_from,
    sender_of,
)
from cronfleet.apps.password_expiry.opening import allowance_of, opened_outbox, opened_users
from cronfleet.apps.password_expiry.outbox.records import Records
from cronfleet.apps.password_expiry.sending.delivery import Ask
from cronfleet.apps.password_expiry.sources import check_sources
from cronfleet.apps.password_expiry.users.chosen import OnlyThese
from cronfleet.apps.password_expiry.users.judging import Judge
from cronfleet.cli.expiry_settings import settings_of
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import moment, print_json, print_line, print_table
from cronfleet.config import Settings
from cronfleet.errors import CronfleetError

_TO_ONESELF = 10
_QUIET = "these are QUIET_HOURS, and what is due is sent by the next run after them"
_OF_EACH = ("user", "threshold", "expires")

log: logging.LoggerAdapter[logging.Logger] = logging.LoggerAdapter(
    logging.getLogger("cronfleet.password_expiry"), {}
)


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would be made and sent.")
@click.option("--limit", type=click.IntRange(1), help="How many mails at the most.")
@click.option("--only", multiple=True, metavar="USER", help="This user alone; may be repeated.")
@click.option("--to", metavar="ADDRESS", help="To this address instead, and note it nowhere.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def send(
    context: click.Context,
    limit: int | None,
    only: tuple[str, ...],
    to: str | None,
    **flags: bool,
) -> None:
    """Look for users who are due now, and send them their mails, as a run of the job does."""
    settings = settings_of(context)
    check_sources(settings, own=None)
    most = limit or (_TO_ONESELF if to else settings.max_mails_per_run)
    if flags["dry_run"]:
        found = _foreseen(settings, min(most, SHOWN), only)
        _tell(found, settings, most, is_dry=_is_dry(settings), as_json=flags["as_json"])
        return
    if to:
        sent = _send_to(to, settings, _foreseen(settings, most, only).first)
        print_line(f"sent to {to}: {sent}; no notice is made or changed")
        return
    if _is_dry(settings):
        raise CronfleetError(
            "nothing is sent: it is dry until somebody approves (cronfleet password-expiry "
            "approve), or DRY_RUN is false"
        )
    if quiet_from(settings)():
        raise CronfleetError(f"nothing is sent now: {_QUIET}")
    if not flags["yes"]:
        mails = min(_foreseen(settings, 0, only).to_send, most)
        asked = f"Send {mails} mails by {sender_of(settings).describe()}?"
        click.confirm(asked, abort=True, err=True)
    told = asyncio.run(_send(context.obj, settings, most, only))
    if flags["as_json"]:
        print_json({"report": told})
    else:
        print_line(told)


def _is_dry(settings: Settings) -> bool:
    allowance = allowance_of(settings)
    with opened_outbox(settings, makes=False) as outbox:
        return Keeper(outbox, allowance).is_dry() if outbox else allowance.is_dry(None)


def _send_to(to: str, settings: Settings, chosen: list[Chosen]) -> int:
    sender = sender_of(settings)
    trial = Trial(sender, letterhead_from(settings, sender), rule_from(settings))
    return asyncio.run(trial.send(to, chosen, datetime.now(UTC)))


def _foreseen(settings: Settings, most: int, only: tuple[str, ...]) -> Foreseen:
    """What a run would do; the first `most` mails by name."""
    sends = sender_of(settings).reaches_people
    judge = Judge(rule_from(settings), datetime.now(UTC), copies_from(settings))
    with opened_users(settings) as users, opened_outbox(settings, makes=False) as outbox:
        records = Records(outbox.database) if outbox else None
        last = records.runs(1) if records else []
        chosen = users
        if only:
            chosen = OnlyThese(users, only)
            chosen.check()
        with _progress(last[0].users if last else None) as told:
            canary = canary_from(settings) if sends and not only else None
            foresight = Foresight(chosen, judge, outbox, reaches_people=sends)
            found = foresight.look(canary, most, told)
        standing = records.standing() if records and sends else []
        found.held = standing[0].said if standing else found.held
        return found


@contextlib.contextmanager
def _progress(total: int | None) -> Generator[Callable[[int], None]]:
    """A bar on a terminal, beside what is printed; `total` is how many there were last time."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("users", total=total)
        yield lambda count: progress.update(bar, completed=count)


def _tell(found: Foreseen, settings: Settings, most: int, *, is_dry: bool, as_json: bool) -> None:
    rule, is_quiet = rule_from(settings), quiet_from(settings)()
    first = [
        (each.key.user, each.key.threshold, rule.expiry(each.key, each.user))
        for each in found.first
    ]
    if as_json:
        names = ("users", "due", "made", "to_send", "bad_rows", "unreachable", "reopened", "held")
        counts = {name: getattr(found, name) for name in names}
        named = [dict(zip(_OF_EACH, each, strict=True)) for each in first]
        print_json({**counts, "is_dry": is_dry, "is_quiet": is_quiet, "first": named})
        return
    print_line(f"{found.users} users read, {found.due} due, {found.bad_rows} unreadable rows")
    to = sender_of(settings).describe()
    print_line(
        f"{found.made} new notices would be made; {found.to_send} mails would go to {to}, "
        f"{most} a run at most"
    )
    for line in _remarks(found, is_dry=is_dry, is_quiet=is_quiet):
        print_line(line)
    if first:
        rows = [(user, threshold, moment(expires)) for user, threshold, expires in first]
        print_table([each.upper() for each in _OF_EACH], rows)
    if found.to_send > len(first):
        print_line(f"and {found.to_send - len(first)} more")


def _remarks(found: Foreseen, *, is_dry: bool, is_quiet: bool) -> list[str]:
    """What keeps mails back, or lets more of them go."""
    folder = f"only the mailbox folder has had {found.reopened}, which are to be sent again"
    remarks = [
        (found.reopened, folder),
        (found.unreachable, f"without an address that a mail can go to: {found.unreachable}"),
        (found.held, f"they would be held: {found.held}"),
        (is_dry, "nothing would be sent before an approval: cronfleet password-expiry approve"),
        (is_quiet, f"nothing would be sent now: {_QUIET}"),
    ]
    return [said for applies, said in remarks if applies]


async def _send(store: str | None, settings: Settings, most: int, only: tuple[str, ...]) -> str:
    scheduler = Scheduler(
        settings.store_url(store),
        program="password-expiry",
        fleet=settings.cronfleet_fleet,
        patience=timedelta(),
    )
    application = PasswordExpiry(scheduler, settings)
    try:
        await application.prepare()
        return str(await application.send(Ask(0, datetime.now(UTC), log), most, only))
    finally:
        await application.close()
        await scheduler.aclose()
