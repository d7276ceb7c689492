"""How mails leave, and who they are from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from cronfleet.config.types import IN_DIGITS, Port, service_url

SenderName: TypeAlias = Literal["mailbox", "smtp", "ses", "sendgrid"]


def _in_a_header(key: SecretStr) -> SecretStr:
    """Else the error would come with the request, and the key might stand in it."""
    if not re.fullmatch("[!-~]+", key.get_secret_value()):
        raise ValueError("write the key alone: no blanks, and no letters but those of ASCII")
    return key


Key: TypeAlias = Annotated[SecretStr, AfterValidator(_in_a_header)]


def _in_order(text: object) -> object:
    """The names between commas; the mailbox reaches nobody, and takes whatever it is given."""
    if not isinstance(text, str):
        return text
    names = [name.strip() for name in text.split(",")]
    if len(set(names)) < len(names):
        raise ValueError("name each way to send once")
    if "mailbox" in names and len(names) > 1:
        raise ValueError("mailbox stands alone: it takes every mail, and none reaches anyone")
    return names


class MailSettings(BaseSettings):
    """A part of `Settings`."""

    mail_sender: Annotated[
        tuple[SenderName, ...],
        NoDecode,
        BeforeValidator(_in_order),
        Field(description="smtp, ses, sendgrid or mailbox; several as in smtp,ses"),
    ] = ()
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
    aws_region: str | None = Field(
        default=None, pattern="^[a-z]{2,}(-[a-z0-9]+)+$", description="a region, as in eu-west-1"
    )
    aws_access_key_id: Key | None = None
    aws_secret_access_key: Key | None = None
    aws_session_token: Key | None = None
    ses_endpoint_url: Annotated[str, AfterValidator(service_url)] | None = None
    sendgrid_api_key: Key | None = None
    sendgrid_url: Annotated[str, AfterValidator(service_url)] = "https://api.sendgrid.com"
    mailbox_dir: Path | None = None
    dry_run: bool | None = Field(default=None, description="true or false")
    max_mails_per_run: Annotated[int, IN_DIGITS] = Field(
        default=500, ge=1, description="a whole number from 1"
    )
    mails_per_second: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="a number above 0, as in 14 or 0.5"
    )
    mails_per_day: Annotated[int, IN_DIGITS] | None = Field(
        default=None, ge=1, description="a whole number from 1"
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
