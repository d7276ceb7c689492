"""Who hears what `cronfleet run` does, by its settings."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from cronfleet import MissingExtraError, Scheduler
from cronfleet.cli.programs import Program
from cronfleet.config import Settings, revealed

if TYPE_CHECKING:
    from cronfleet.apps.guarded_http.allowing import Network
    from cronfleet.apps.pings import Pings
    from cronfleet.server.routes.metrics import Measured  # It needs the extra `server`.


@asynccontextmanager
async def watched(program: Program, settings: Settings) -> AsyncGenerator[None]:
    """Tell those whom the settings name of what becomes of the program's jobs in the block.

    Raises MissingExtraError, ConfigurationError.
    """
    async with AsyncExitStack() as stack:
        if dsn := revealed(settings.sentry_dsn):
            _tell_sentry(program.scheduler, dsn, settings.secrets)
        if url := revealed(settings.ping_url):
            pings = _pings(program.scheduler, url, settings.ping_allow_networks)
            stack.push_async_callback(pings.aclose)
        yield


def _tell_sentry(scheduler: Scheduler, dsn: str, secrets: Sequence[str]) -> None:
    try:
        from cronfleet.integrations import sentry
    except ModuleNotFoundError:
        raise MissingExtraError("SENTRY_DSN", "sentry") from None
    sentry.begin(dsn, secrets)
    sentry.listen(scheduler)


def _pings(scheduler: Scheduler, url: str, networks: Sequence[Network]) -> Pings:
    try:
        from cronfleet.apps.pings import Pings
    except ModuleNotFoundError:
        raise MissingExtraError("PING_URL", "jobs") from None
    return Pings(scheduler, url, networks=networks)


def metrics_of(program: Program, settings: Settings) -> Measured | None:
    """What `/metrics` answers, unless METRICS is off. Raises MissingExtraError."""
    if settings.metrics == "off":
        return None
    try:
        from cronfleet.integrations.prometheus import Metrics
    except ModuleNotFoundError:
        raise MissingExtraError(f"METRICS={settings.metrics}", "metrics") from None
    return Metrics(program.scheduler, notices=program.outbox.notices if program.outbox else None)
