"""All settings in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cronfleet.config.alerts import AlertSettings
from cronfleet.config.mails import MailSettings
from cronfleet.config.secrets import secret_in
from cronfleet.config.server import ServerSettings
from cronfleet.config.store import StoreSettings
from cronfleet.config.types import known_zone, readable_schedule
from cronfleet.config.users import UserSettings
from cronfleet.config.wording import WordingSettings
from cronfleet.env_file import ENV_FILE, EnvFile


class Settings(
    WordingSettings,
    MailSettings,
    AlertSettings,
    UserSettings,
    StoreSettings,
    ServerSettings,
):
    """Every setting, under its name in small letters. `load_settings` makes one."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then the file."""
        return init_settings, env_settings, EnvFile(settings_cls)

    cron_schedule: Annotated[str, AfterValidator(readable_schedule)] = "0 * * * *"
    cron_timezone: Annotated[str, AfterValidator(known_zone)] = "UTC"

    # What an instance logs
    log_format: Literal["text", "json"] = Field(default="text", description="text or json")
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None, description="debug, info, warning or error"
    )

    @property
    def secrets(self) -> list[str]:
        """What nobody else is to be told: all secret settings, of a store's URL its password."""
        values = (value.get_secret_value() for _, value in self if isinstance(value, SecretStr))
        return list(filter(None, map(secret_in, values)))

    @property
    def credentials_file(self) -> Path:
        return self.cronfleet_tokens_file or self.cronfleet_data_dir / "credentials.json"

    @property
    def mailbox_folder(self) -> Path:
        return self.mailbox_dir or self.cronfleet_data_dir / "mailbox"
