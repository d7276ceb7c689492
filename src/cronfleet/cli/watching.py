"""Who hears what `cronfleet run` does, by its settings."""

from __future__ import annotations

from cronfleet import MissingExtraError
from cronfleet.cli.programs import Program
from cronfleet.config import Settings
from cronfleet.server.routes.metrics import Exposed


def exposed_metrics(program: Program, settings: Settings) -> Exposed | None:
    """What METRICS asks for. Raises MissingExtraError."""
    if settings.metrics == "off":
        return None
    try:
        from cronfleet.integrations.prometheus import Metrics
    except ModuleNotFoundError:
        raise MissingExtraError(f"METRICS={settings.metrics}", "metrics") from None
    metrics = Metrics(program.scheduler, notices=program.notices)
    return Exposed(metrics, is_open=settings.metrics == "open")
