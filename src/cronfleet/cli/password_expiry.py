"""The application that comes with cronfleet, as `cronfleet run` without a target runs it."""

from __future__ import annotations

from collections.abc import Sequence

from cronfleet import Scheduler
from cronfleet.apps.alerting.looking import Probe
from cronfleet.apps.password_expiry import JOB, register
from cronfleet.apps.password_expiry.pages.web import PasswordExpiryWebPage
from cronfleet.cli.printing import moment, print_line
from cronfleet.cli.programs import Program
from cronfleet.config import Settings
from cronfleet.server.outbox import Outbox
from cronfleet.server.pages.page import Page


class PasswordExpiryProgram(Program):
    """Raises ConfigurationError for settings that do not fit together."""

    def __init__(self, settings: Settings, store: str | None) -> None:
        scheduler = Scheduler(
            settings.store_url(store), program="password-expiry", fleet=settings.cronfleet_fleet
        )
        super().__init__(scheduler)
        self._application = register(scheduler, settings)
        self.probes: Sequence[Probe] = [self._application.conditions]
        self.outbox: Outbox | None = self._application
        self.pages: Sequence[Page] = [PasswordExpiryWebPage(self._application)]

    async def prepare(self) -> None:
        await self._application.prepare()

    async def begin(self) -> None:
        """With sample users, so that there is something to see within seconds."""
        if self._application.uses_sample:
            await self.scheduler.trigger(JOB, who="start", why="sample users")
            return
        job = await self.scheduler.job_info(JOB)
        print_line(f"next run: {moment(job.next_fire)}; to run now: cronfleet trigger {JOB}")

    def describe(self) -> list[str]:
        return self._application.describe()

    async def close(self) -> None:
        await self._application.close()
