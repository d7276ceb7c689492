"""How mails leave, and who they are from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from cronfleet.config.types import IN_DIGITS, Port

_TO_COME = ("ses", "sendgrid")


def _not_to_come(sender: object) -> object:
    if sender in _TO_COME:
        raise ValueError("comes later: write smtp or mailbox")
    return sender


class MailSettings(BaseSettings):
    """A part of `Settings`."""

    mail_sender: Annotated[
        Literal["mailbox", "smtp"] | None,
        BeforeValidator(_not_to_come),
        Field(description="smtp or mailbox"),
    ] = None
    email_from: str | None = None
    email_user: str | None = None
    email_password: SecretStr | None = None
    smtp_host: str = "smtp.gmail.com"
    smtp_port: Port = None
    smtp_tls: Literal["starttls", "tls"] = Field(
        default="starttls", description="starttls or tls; there is no sending without TLS"
    )
    smtp_connections: Annotated[int, IN_DIGITS] = Field(
        default=3, ge=1, le=100, description="a whole number from 1 to 100"
    )
    mailbox_dir: Path | None = None
    dry_run: bool | None = Field(default=None, description="true or false")
    max_mails_per_run: Annotated[int, IN_DIGITS] = Field(
        default=500, ge=1, description="a whole number from 1"
    )
    canary_percent: Annotated[int, IN_DIGITS] = Field(
        default=20, ge=1, le=100, description="a whole number from 1 to 100"
    )
    canary_times: Annotated[int, IN_DIGITS] = Field(
        default=10, ge=1, description="a whole number from 1"
    )
    notices_kept_days: Annotated[int, IN_DIGITS] = Field(
        default=400, ge=1, le=36500, description="a whole number of days from 1 to 36500"
    )

    @property
    def mail_port(self) -> int:
        return self.smtp_port or (465 if self.smtp_tls == "tls" else 587)
