"""Who the users are, when their passwords expire, and where it is noted who was told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from cronfleet.config.types import IN_DIGITS, Name


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
    users_password_expires_column: Name | None = None
