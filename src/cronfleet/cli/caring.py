"""`cronfleet store adopt` and `store check`: care for what is stored."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime

import click

from cronfleet import Adoption, FaultInfo, Health, JobInfo, Scheduler
from cronfleet.cli.opened import opened
from cronfleet.cli.options import as_json, why
from cronfleet.cli.ordering import who
from cronfleet.cli.printing import counting, moment, print_json, print_line, print_table

_WHAT_HAPPENS = (
    "What the jobs expect up to now will be skipped, and runs that nobody has started will be "
    "cancelled: they may have run before the store was emptied or restored."
)


@click.group()
def store() -> None:
    """Care for what is stored."""


@store.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@why
@as_json
@click.pass_obj
def adopt(store: str | None, why: str, *, yes: bool, as_json: bool) -> None:
    """Go on with a store that was emptied, restored or replaced.

    Ticks that it expects up to now are skipped, and runs that nobody has started are cancelled:
    they may have run already. Instances that have stopped because of the store go on.
    """
    done = asyncio.run(_adopt(store, why, ask=not yes))
    if as_json:
        print_json(done)
        return
    print_line(
        f"adopted: the store is {done.store_id} in epoch {done.epoch}; of {done.jobs_settled} jobs "
        f"what was due is skipped, {done.runs_cancelled} runs are cancelled. "
        "Instances that had stopped go on within seconds"
    )


@store.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@why
@as_json
@click.pass_obj
def check(store: str | None, why: str, *, repair: bool, as_json: bool) -> None:
    """Look for what is wrong with what is stored.

    Each job is one step, and the fleet works on meanwhile. Exit status: 0 nothing is wrong or all
    is mended, 1 something was found and is not mended, 2 the store cannot be reached.
    """
    found = asyncio.run(_check(store, why, repair=repair))
    if as_json:
        print_json({"faults": found})
    elif found:
        rows = [
            (each.where, each.what, "mended" if each.mended else "found", each.repair)
            for each in found
        ]
        print_table(("WHERE", "WHAT IS WRONG", "STATE", "REPAIR"), rows)
    else:
        print_line("Nothing is wrong.")
    sys.exit(0 if all(each.mended for each in found) else 1)


async def _check(store: str | None, why: str, *, repair: bool) -> list[FaultInfo]:
    async with opened(store) as scheduler:
        with counting("jobs checked") as told:
            return await scheduler.store_check(repair=repair, who=who(), why=why, told=told)


async def _adopt(store: str | None, why: str, *, ask: bool) -> Adoption:
    async with opened(store) as scheduler:
        jobs = await scheduler.jobs()
        seen = await scheduler.health()  # Another may be there when the question is answered.
        if ask:
            for line in await _seen(scheduler, seen, jobs):
                click.echo(line, err=True)
            click.confirm("Adopt this store?", abort=True, err=True)
        return await scheduler.store_adopt(store_id=seen.store_id, who=who(), why=why)


async def _seen(scheduler: Scheduler, health: Health, jobs: list[JobInfo]) -> list[str]:
    """What is there, and what will happen to it."""
    instances = await scheduler.instances()
    settled = [job.watermark for job in jobs if job.watermark is not None]
    return [
        f"store {health.store}, id {health.store_id}, epoch {health.epoch}",
        f"{len(jobs)} jobs; the newest tick on record is {_newest(settled)}",
        f"{len(instances)} instances have a session in it",
        _WHAT_HAPPENS,
    ]


def _newest(settled: list[datetime]) -> str:
    return moment(max(settled, default=None))


COMMANDS = {"store": store}
