"""`cronfleet instances`: who is at work."""

from __future__ import annotations

import asyncio

import click

from cronfleet import InstanceInfo
from cronfleet.cli.fleet import reached
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import moment, print_json, print_line, print_table


@click.command()
@as_json
@click.pass_obj
def instances(place: str | None, *, as_json: bool) -> None:
    """List the instances of all programs, and since when one is silent."""
    found = asyncio.run(_instances(place))
    if as_json:
        print_json({"instances": found})
        return
    if found:
        headers = (
            "INSTANCE",
            "PROGRAM",
            "JOINED",
            "EXPIRES",
            "SILENT SINCE",
            "HOLDS",
            "ZONE RULES",
        )
        print_table(headers, map(_row, found), may_go=("ZONE RULES", "JOINED", "EXPIRES"))
    if all(each.silent_since for each in found):
        print_line("No instance is at work.")


async def _instances(place: str | None) -> list[InstanceInfo]:
    async with reached(place) as fleet:
        return await fleet.instances()


def _row(instance: InstanceInfo) -> tuple[str, ...]:
    return (
        instance.label,
        instance.program,
        moment(instance.joined_at),
        moment(instance.expires_at),
        moment(instance.silent_since),
        str(instance.held),
        instance.tzdata,
    )


COMMANDS = {"instances": instances}
