"""`cronfleet why`: what became of one tick of a job."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime

import click

from cronfleet import Explanation
from cronfleet.cli.fleet import reached
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import print_json, print_line


def _time(_context: click.Context, _parameter: click.Parameter, text: str) -> datetime:
    """Without an offset it stays so: it is what clocks show in the zone of the job's schedule."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        hint = f"{text!r} is no time: write it as '2026-03-29 02:30' or 2026-03-29T00:30:00Z"
        raise click.BadParameter(hint) from None


@click.command()
@click.argument("job")
@click.argument("time", callback=_time)
@as_json
@click.pass_obj
def why(store: str | None, job: str, time: datetime, *, as_json: bool) -> None:
    """Tell why a JOB did not run at a TIME, or what became of it.

    TIME is as in "2026-03-29 02:30", in the time zone of the job's schedule, or has an offset of
    its own. The exit status is 0 if it ran well or is still to come, else 1.
    """
    found = asyncio.run(_why(store, job, time))
    if as_json:
        print_json(found)
    else:
        print_line(found.sentence)
        if found.advice:
            print_line(f"What to do: {found.advice}")
    sys.exit(0 if found.is_well else 1)


async def _why(store: str | None, job: str, time: datetime) -> Explanation:
    async with reached(store) as fleet:
        return await fleet.why(job, time)


COMMANDS = {"why": why}
