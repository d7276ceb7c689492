"""What is right, and how it stands: `cronfleet password-expiry check`, `report`, `parked` and others."""

from __future__ import annotations

import asyncio
import sys

import click

from cronfleet import Condition, Finding
from cronfleet.apps.password_expiry.care.keeping import Report
from cronfleet.apps.password_expiry.doctor import examine
from cronfleet.apps.password_expiry.making import notices_database
from cronfleet.apps.password_expiry.opening import check_outbox, opened_keeper, opened_outbox
from cronfleet.apps.password_expiry.outbox.preparing import ddl
from cronfleet.apps.password_expiry.outbox.values import Notice
from cronfleet.cli.expiry_settings import settings_of
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import moment, print_json, print_line, print_table, print_text

_RUNS_SHOWN = 10


@click.command()
@as_json
@click.pass_context
def check(context: click.Context, *, as_json: bool) -> None:
    """Look at settings, databases, columns, the sender and the mail; change nothing.

    Exit status: 0 all is well, 1 something is wrong.
    """
    findings = asyncio.run(examine(settings_of(context)))
    if as_json:
        print_json({"findings": findings})
    else:
        rows = [(each.what, each.condition.value, each.said) for each in findings]
        print_table(("WHAT", "HOW", "SAID"), rows)
    sys.exit(int(any(map(_is_wrong, findings))))


def _is_wrong(finding: Finding) -> bool:
    return finding.condition in (Condition.SETTING, Condition.WRONG)


@click.command()
@as_json
@click.pass_context
def report(context: click.Context, *, as_json: bool) -> None:
    """Tell how it stands: from the users to the mails, and the last runs."""
    with opened_keeper(settings_of(context)) as keeper:
        found = keeper.report()
    if as_json:
        print_json(found)
        return
    for line in _standing(found):
        print_line(line)
    print_table(("WHAT", "HOW MANY"), _funnel(found))
    if found.runs:
        print_line("")
        rows = [
            (moment(run.at), str(run.users), str(run.due), str(run.made), _yes(said=run.is_held))
            for run in found.runs[:_RUNS_SHOWN]
        ]
        print_table(("RUN", "USERS", "DUE", "NEW", "HELD"), rows)


def _standing(found: Report) -> list[str]:
    lines = ["dry: notices are made, and none is sent"] if found.is_dry else []
    if found.approval:
        why = f": {found.approval.why}" if found.approval.why else ""
        lines.append(f"approved {moment(found.approval.at)} by {found.approval.who}{why}")
    return lines + [f"HELD since {moment(hold.at)}: {hold.said}" for hold in found.holds]


def _funnel(found: Report) -> list[tuple[str, str]]:
    last = found.runs[0] if found.runs else None
    read = [("users", str(last.users)), ("due", str(last.due))] if last else []
    return [*read, *((state, str(count)) for state, count in found.counts.items())]


def _yes(*, said: bool) -> str:
    return "yes" if said else "-"


@click.command()
@as_json
@click.pass_context
def parked(context: click.Context, *, as_json: bool) -> None:
    """List the notices of which nobody knows whether they arrived."""
    with opened_keeper(settings_of(context)) as keeper:
        found = keeper.parked()
    if as_json:
        print_json({"notices": list(map(as_told, found))})
    elif found:
        rows = [(each.id, each.user, moment(each.changed_at), each.reason) for each in found]
        print_table(("NOTICE", "USER", "SINCE", "REASON"), rows)
    else:
        print_line("Nothing is parked.")


@click.command()
@as_json
@click.pass_context
def suppressed(context: click.Context, *, as_json: bool) -> None:
    """List the addresses that no mail is sent to, each by its SHA-256: no more of it is stored."""
    with opened_keeper(settings_of(context)) as keeper:
        found = keeper.suppressed()
    if as_json:
        print_json({"suppressed": found})
    elif found:
        rows = [(each.fingerprint, moment(each.at), each.reason) for each in found]
        print_table(("SHA-256 OF THE ADDRESS", "SINCE", "SAID"), rows)
    else:
        print_line("No address is suppressed.")


def as_told(notice: Notice) -> dict[str, object]:
    """A notice for programs: as the API tells it."""
    names = ("id", "user", "stored_date", "threshold", "state", "reason", "attempt")
    times = ("created_at", "changed_at", "not_before")
    return {name: getattr(notice, name) for name in (*names, *times)}


@click.command("init-db")
@click.option("--print-sql", is_flag=True, help="Only print the statements, for a DBA.")
@click.pass_context
def init_db(context: click.Context, *, print_sql: bool) -> None:
    """Make the outbox's tables, where they are not there."""
    settings = settings_of(context)
    if print_sql:
        check_outbox(settings)
        database = notices_database(settings)
        print_text(ddl(database))
        return
    with opened_outbox(settings, makes=True) as outbox:
        shown = outbox.database.shown if outbox else ""
    print_line(f"the outbox's tables are in {shown}")


LOOKING = (check, report, parked, suppressed, init_db)
