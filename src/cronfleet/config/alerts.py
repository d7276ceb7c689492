"""Who is told of what fails."""

from __future__ import annotations

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from cronfleet.config.types import Networks


class AlertSettings(BaseSettings):
    """A part of `Settings`."""

    alert_email_to: str | None = None
    alert_webhook_url: SecretStr | None = None
    alert_webhook_secret: SecretStr | None = None
    alert_slack_url: SecretStr | None = None
    alert_allow_networks: str | None = None
    alert_not_succeeded_for: str | None = None
    sentry_dsn: SecretStr | None = None
    ping_url: SecretStr | None = None
    ping_allow_networks: Networks = ()
