"""`cronfleet doctor`: what is wrong, if anything is. It changes nothing."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

import click

from cronfleet import Condition, ConfigurationError, Finding, MissingExtraError, Scheduler
from cronfleet.cli.logs import log_as_set, log_to_stderr
from cronfleet.cli.opened import missing_file, refuse_server
from cronfleet.cli.options import as_json
from cronfleet.cli.printing import print_json, print_table
from cronfleet.cli.programs import target_program
from cronfleet.config import Settings, load_settings

Look: TypeAlias = Callable[[], Awaitable[list[Finding]]]

_PROGRAM = "password-expiry"  # the name of its job, too
_JOBS = (_PROGRAM, f"{_PROGRAM}-delivery")


@click.command()
@click.argument("target", required=False, metavar="[MODULE:SCHEDULER]")
@as_json
@click.pass_obj
def doctor(store: str | None, target: str | None, *, as_json: bool) -> None:
    """Look for what is wrong, and change nothing.

    It looks at the store and what that can promise, its clock, the fleet, and the scheduler in a
    module; without one, at what the password-expiry application needs.

    Exit status: 0 all is well, 1 something is wrong, 2 something must be configured differently,
    or the store cannot be reached.
    """
    refuse_server(store)
    log_to_stderr(logging.ERROR)
    settings = load_settings()
    log_as_set(settings)
    findings = asyncio.run(_findings(settings, store, target))
    if as_json:
        print_json({"findings": findings})
    else:
        rows = [(each.what, each.condition.value, each.said) for each in findings]
        print_table(("WHAT", "HOW", "SAID"), rows)
    sys.exit(_status({each.condition for each in findings}))


def _status(found: set[Condition]) -> int:
    if Condition.SETTING in found:
        return 2
    return 1 if Condition.WRONG in found else 0


async def _findings(settings: Settings, store: str | None, target: str | None) -> list[Finding]:
    if target is not None:
        return await _of_target(target_program(target, settings, store).scheduler)
    url = settings.store_url(store)
    if missing := missing_file(url):
        found = [Finding("store", Condition.SETTING, missing)]
    else:
        found = await _of_application(url, settings)
    return found + await _explained("application", lambda: _application(settings))


async def _of_target(scheduler: Scheduler) -> list[Finding]:
    if missing := missing_file((await scheduler.health()).store):
        return [Finding("store", Condition.SETTING, missing)]
    return await _of_store(scheduler)


async def _of_application(url: str, settings: Settings) -> list[Finding]:
    try:
        scheduler = Scheduler(
            url, program=_PROGRAM, fleet=settings.cronfleet_fleet, patience=timedelta()
        )
    except (ConfigurationError, MissingExtraError) as error:
        return [Finding("store", Condition.SETTING, str(error))]
    return await _of_store(scheduler, *_JOBS)


async def _of_store(scheduler: Scheduler, *jobs: str) -> list[Finding]:
    try:
        return await scheduler.examine(jobs)
    finally:
        await scheduler.aclose()


async def _application(settings: Settings) -> list[Finding]:
    from cronfleet.apps.password_expiry.doctor import examine

    return await examine(settings)


async def _explained(what: str, look: Look) -> list[Finding]:
    try:
        return await look()
    except MissingExtraError as error:
        return [Finding(what, Condition.NOTE, str(error))]


COMMANDS = {"doctor": doctor}
