"""Sentry's SDK for a program that has nothing but cronfleet in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.utils import BadDsn

from cronfleet import ConfigurationError
from cronfleet.masking import with_urls_masked, without

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint


def begin(dsn: str, secrets: Collection[str] = ()) -> None:
    """Set the SDK up: errors alone, no local variables, no `secrets` and no passwords in URLs.

    Raises ConfigurationError for a DSN that is none.
    """

    def scrubbed(event: Event, _: Hint) -> Event:
        return _scrubbed(event, secrets)

    try:
        sentry_sdk.init(
            dsn,
            release=f"cronfleet@{version('cronfleet')}",
            before_send=scrubbed,
            include_local_variables=False,  # A handler's hold what it works with.
            default_integrations=False,  # They would listen in on queries and requests, too.
            auto_enabling_integrations=False,
            integrations=[
                AtexitIntegration(callback=_silently),
                DedupeIntegration(),
                ExcepthookIntegration(),
                LoggingIntegration(),
            ],
        )
    except BadDsn as error:
        raise ConfigurationError(f"SENTRY_DSN is no DSN of Sentry's: {error}") from None


def _silently(pending: int, timeout: float) -> None:
    """What is not sent yet is sent at the end; nobody needs to read that."""


def _scrubbed(part: Any, secrets: Collection[str]) -> Any:
    """The same without what is secret, however deep it lies."""
    if isinstance(part, str):
        return with_urls_masked(without(secrets, part))
    if isinstance(part, dict):
        named = cast("dict[str, Any]", part)
        return {name: _scrubbed(value, secrets) for name, value in named.items()}
    if isinstance(part, list | tuple):
        return [_scrubbed(each, secrets) for each in cast("Sequence[Any]", part)]
    return part
