"""`cronfleet next`: what will happen, of which no store needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import click

from cronfleet import Upcoming, cron
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import moment, print_json, print_line, print_table
from cronfleet.schedule import due_of


@click.command("next")
@click.argument("expression")
@click.option("--tz", default="UTC", show_default=True, help="An IANA time zone.")
@click.option("-n", "--count", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--job", metavar="NAME", help="Whose fire times: each H follows from the job's name.")
@click.option(
    "--jitter",
    metavar="SECONDS",
    type=click.FloatRange(0, 366 * 86_400),
    default=0.0,
    help="The job's jitter: when is each tick due? Needs --job.",
)
@as_json
def next_(
    expression: str, tz: str, count: int, job: str | None, jitter: float, *, as_json: bool
) -> None:
    """Tell when a cron EXPRESSION fires next, and what clock changes do to it."""
    if jitter and not job:
        raise click.UsageError("--jitter needs --job NAME: it follows from the job's name")
    schedule = cron(expression, tz=tz)
    if job:
        schedule = schedule.for_job(job)
    fires = schedule.upcoming(count, after=datetime.now(UTC))
    spread = timedelta(seconds=jitter)
    dues = [due_of(schedule, job or "", fire.fire_time, spread) for fire in fires]
    if as_json:
        print_json({"description": schedule.describe(), "fire_times": _documents(fires, dues)})
        return
    print_line(schedule.describe())
    if fires:
        _print_table(fires, dues if jitter else [], tz)
    else:
        print_line("It fires no more.")


def _documents(fires: Sequence[Upcoming], dues: Sequence[datetime]) -> list[dict[str, object]]:
    return [
        {
            "fire_time": fire.fire_time,
            "due": due,
            "local": fire.local.isoformat(),
            "mark": fire.mark,
        }
        for fire, due in zip(fires, dues, strict=True)
    ]


def _print_table(fires: Sequence[Upcoming], dues: Sequence[datetime], tz: str) -> None:
    columns = {
        "FIRE TIME": [moment(fire.fire_time) for fire in fires],
        "DUE": [moment(due) for due in dues],
        f"IN {tz}": [fire.local.isoformat(" ") for fire in fires],
        "CLOCK CHANGE": [fire.mark or "" for fire in fires],
    }
    shown = {header: cells for header, cells in columns.items() if cells}
    print_table(list(shown), list(zip(*shown.values(), strict=True)))


COMMANDS = {"next": next_}
