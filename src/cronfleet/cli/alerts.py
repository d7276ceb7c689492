"""Alerts of what `cronfleet run` runs, where settings ask for them."""

from __future__ import annotations

from cronfleet import MissingExtraError
from cronfleet.apps.alerting import Alerting
from cronfleet.apps.alerting.reading import are_wanted, channels_from, rules_from
from cronfleet.cli.printing import print_line
from cronfleet.cli.programs import Program
from cronfleet.config import Settings


def alerts_of(program: Program, settings: Settings) -> Alerting | None:
    """What tells people, if anybody is to be told. Raises ConfigurationError, MissingExtraError."""
    if not are_wanted(settings):
        return None
    try:
        channels = channels_from(settings)
    except ModuleNotFoundError:
        raise MissingExtraError("ALERT_EMAIL_TO and the like", "alerts") from None
    return Alerting(
        program.scheduler,
        channels,
        rules_from(settings),
        fleet=settings.cronfleet_fleet,
        probes=program.probes,
    )


async def register_alerts(program: Program, alerts: Alerting | None) -> None:
    """Add their job, unless another program of the fleet tells already. Raises CronfleetError."""
    if alerts is None:
        return
    owner = await alerts.owner()
    if owner not in (None, program.scheduler.program):
        print_line(f"alerts: program {owner} tells of all jobs of the fleet")
        return
    alerts.register()
    for line in alerts.describe():
        print_line(line)
