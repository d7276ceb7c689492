"""`cronfleet audit`: who ordered what, and why."""

from __future__ import annotations

import asyncio

import click

from cronfleet import AuditInfo
from cronfleet.cli.fleet import reached
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import moment, print_json, print_line, print_table


@click.command()
@click.option(
    "--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="How many."
)
@as_json
@click.pass_obj
def audit(place: str | None, *, limit: int, as_json: bool) -> None:
    """List what operators did, the newest first; the last 1,000 orders are kept."""
    found = asyncio.run(_entries(place, limit))
    if as_json:
        print_json({"entries": found})
    elif found:
        print_table(("AT", "VERB", "JOB", "WHO", "WHY"), map(_row, found))
    else:
        print_line("Nobody has ordered anything yet.")


async def _entries(place: str | None, limit: int) -> list[AuditInfo]:
    async with reached(place) as fleet:
        return await fleet.audit(limit)


def _row(entry: AuditInfo) -> tuple[str, ...]:
    return moment(entry.at), entry.verb, entry.job, entry.who, entry.why


COMMANDS = {"audit": audit}
