"""Who the users are, when their passwords expire, and where it is noted who was told."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from cronfleet.config.types import IN_DIGITS, MaybeName, Name, listed

_SPAN = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


def _each_once(days: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(days)) < len(days):
        raise ValueError("write each number of days once, as in 14,7,3,1")
    return days


def _span(written: object) -> object:
    """From 22:00-07:00 to its two times of the day."""
    if not isinstance(written, str):
        return written
    found = _SPAN.fullmatch(written.replace(" ", ""))
    if found is None or (found[1], found[2]) == (found[3], found[4]):
        raise ValueError("write two times of the day, as in 22:00-07:00")
    return time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))


def _directory(url: str) -> str:
    try:
        found = urlsplit(url)
        is_host = bool(found.hostname) and found.port != 0
    except ValueError:
        is_host = False
    else:
        is_alone = not (found.path.strip("/") or found.query or found.fragment or found.username)
        is_host = is_host and is_alone and found.scheme in ("ldaps", "ldap")
    if not is_host:
        raise ValueError("write ldaps://host, or ldap://host, which begins with StartTLS")
    return url.rstrip("/")


Day: TypeAlias = Annotated[int, IN_DIGITS, Field(ge=1, le=365)]
QuietHours: TypeAlias = tuple[time, time]


class UserSettings(BaseSettings):
    """A part of `Settings`."""

    password_max_age_days: Annotated[int, IN_DIGITS] = Field(
        default=90, ge=1, le=36500, description="a whole number of days from 1 to 36500"
    )
    users_database_url: SecretStr | None = None
    notices_database_url: SecretStr | None = None
    users_table: Name = "users"
    users_id_column: Name = "id"
    users_email_column: Name = "email"
    users_name_column: Name = "name"
    users_password_changed_column: Name = "password_changed_at"  # noqa: S105 - a column
    users_password_expires_column: MaybeName = None
    users_locale_column: MaybeName = None
    users_active_column: MaybeName = None
    users_manager_email_column: MaybeName = None
    users_never_expires_column: MaybeName = None
    users_max_age_days_column: MaybeName = None
    users_shards: Annotated[int, IN_DIGITS] = Field(
        default=1, ge=1, le=64, description="a whole number from 1 to 64"
    )

    remind_days_before: Annotated[
        tuple[Day, ...], NoDecode, BeforeValidator(listed), AfterValidator(_each_once)
    ] = Field(
        default=(), description="whole days from 1 to 365 with commas between, as in 14,7,3,1"
    )
    quiet_hours: Annotated[QuietHours, NoDecode, BeforeValidator(_span)] | None = None

    users_ldap_url: Annotated[str, AfterValidator(_directory)] | None = None
    users_ldap_kind: Literal["openldap", "activedirectory"] = Field(
        default="openldap", description="openldap or activedirectory"
    )
    users_ldap_bind_dn: str | None = None
    users_ldap_password: SecretStr | None = None
    users_ldap_base: str | None = None
    users_ldap_filter: str | None = None
    users_ldap_ca_file: Path | None = None
