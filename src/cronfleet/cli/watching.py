"""Who hears what `cronfleet run` does, by its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cronfleet import MissingExtraError
from cronfleet.cli.programs import Program
from cronfleet.config import Settings, revealed

if TYPE_CHECKING:
    from cronfleet.server.routes.metrics import Measured  # It needs the extra `server`.


def watch(program: Program, settings: Settings) -> None:
    """Tell those whom the settings name of what becomes of the program's jobs.

    Raises MissingExtraError, ConfigurationError.
    """
    if dsn := revealed(settings.sentry_dsn):
        try:
            from cronfleet.integrations import sentry
        except ModuleNotFoundError:
            raise MissingExtraError("SENTRY_DSN", "sentry") from None
        sentry.begin(dsn, settings.secrets)
        sentry.listen(program.scheduler)


def metrics_of(program: Program, settings: Settings) -> Measured | None:
    """What `/metrics` answers, unless METRICS is off. Raises MissingExtraError."""
    if settings.metrics == "off":
        return None
    try:
        from cronfleet.integrations.prometheus import Metrics
    except ModuleNotFoundError:
        raise MissingExtraError(f"METRICS={settings.metrics}", "metrics") from None
    return Metrics(program.scheduler, notices=program.notices)
