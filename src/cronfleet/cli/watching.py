"""Who hears what `cronfleet run` does, by its settings."""

from __future__ import annotations

from cronfleet import MissingExtraError
from cronfleet.cli.programs import Program
from cronfleet.config import Settings
from cronfleet.server.routes.metrics import Measured


def metrics_of(program: Program, settings: Settings) -> Measured | None:
    """What `/metrics` answers, unless METRICS is off. Raises MissingExtraError."""
    if settings.metrics == "off":
        return None
    try:
        from cronfleet.integrations.prometheus import Metrics
    except ModuleNotFoundError:
        raise MissingExtraError(f"METRICS={settings.metrics}", "metrics") from None
    return Metrics(program.scheduler, notices=program.notices)
