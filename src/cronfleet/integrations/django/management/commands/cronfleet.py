"""`python manage.py cronfleet`: one instance, with the jobs of every app's `cron.py`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, TextIO

from cronfleet import CronfleetError, Scheduler
from cronfleet.integrations.django import get_scheduler
from cronfleet.loops import run_to_its_end
from cronfleet.signals import StopSignals

if TYPE_CHECKING:

    class BaseCommand:  # Django has no types.
        """As Django's."""

        stdout: TextIO

    class CommandError(Exception):
        """As Django's."""
else:
    from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Works until it is told to stop, then drains."""

    help = (
        "Run the jobs of every app's cron.py until SIGTERM or SIGINT; as many at once as you like."
    )
    requires_migrations_checks: bool = True

    def handle(self, **_: object) -> None:
        """Raises CommandError when it cannot begin."""
        _log_to_stderr()
        try:
            with contextlib.suppress(asyncio.CancelledError):  # Told to stop before it had begun.
                run_to_its_end(self._work(get_scheduler()))
        except CronfleetError as error:
            raise CommandError(str(error)) from error

    async def _work(self, scheduler: Scheduler) -> None:
        signals = StopSignals(scheduler.hurry)
        async with scheduler:
            signals.has_joined()
            self._say(f"store: {(await scheduler.health()).store}")
            for job in await scheduler.jobs():
                self._say(f"job {job.name}: {job.schedule} ({job.description})")
            await scheduler.work_until(signals.stop)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _log_to_stderr() -> None:
    """Unless the project's LOGGING says what becomes of our lines."""
    log = logging.getLogger("cronfleet")
    if not log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
