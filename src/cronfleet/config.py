"""Settings: the environment and a file `.env`, read once, checked, and frozen.

For the command line, the server and the applications. An empty value means not set. The
environment wins over the file.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias
from urllib.parse import quote

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cronfleet.errors import ConfigurationError, InvalidScheduleError
from cronfleet.masking import password_in

log: logging.Logger = logging.getLogger(__name__)

ENV_FILE = Path(".env")

_SENDERS_TO_COME = ("ses", "sendgrid")
_REDIS_SCHEMES = (
    *("redis://", "rediss://", "unix://"),
    *("redis+sentinel://", "rediss+sentinel://", "redis+cluster://", "rediss+cluster://"),
)
_READABLE_BY_OTHERS = 0o044
_NEARLY = 0.9
_OPEN_TO_OTHERS = 0o077


def _readable_schedule(expression: str) -> str:
    return _accepted_by_cron(expression, expression, "UTC")


def _known_zone(name: str) -> str:
    return _accepted_by_cron(name, "0 * * * *", name)


def _accepted_by_cron(written: str, expression: str, tz: str) -> str:
    from cronfleet.schedule import cron

    try:
        cron(expression, tz=tz)
    except InvalidScheduleError as error:
        # What was written is named already: only a part of it needs naming once more.
        raise ValueError(error.hint if error.text == written else str(error)) from None
    return written


def _address(host: str) -> str:
    try:
        return host if host == "localhost" else str(ip_address(host))
    except ValueError:
        raise ValueError("write an address, as in 127.0.0.1 or 0.0.0.0, or localhost") from None


def _listed(text: object) -> object:
    """What stands between commas."""
    return [each.strip() for each in text.split(",")] if isinstance(text, str) else text


def _not_to_come(sender: object) -> object:
    if sender in _SENDERS_TO_COME:
        raise ValueError("comes later: write smtp or mailbox")
    return sender


def _redis_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(_REDIS_SCHEMES):
        raise ValueError(
            "write redis://host:port/0, rediss:// for TLS, redis+sentinel:// or redis+cluster://"
        )
    return url


def _in_digits(value: object) -> object:
    """Python would read 1_0 and +10 as well, which nobody means."""
    if isinstance(value, str) and not re.fullmatch("[0-9]+", value.strip()):
        raise PydanticCustomError("in_digits", "write digits")
    return value


IN_DIGITS = BeforeValidator(_in_digits)

Name: TypeAlias = Annotated[str, Field(max_length=128, description="a name of 1 to 128 characters")]
Port: TypeAlias = Annotated[
    Annotated[int, IN_DIGITS, Field(ge=1, le=65535)] | None,
    Field(description="a whole number from 1 to 65535"),
]
OwnPort: TypeAlias = Annotated[
    int,
    IN_DIGITS,
    Field(ge=0, le=65535, description="a whole number from 1 to 65535, or 0 for a free port"),
]


Network: TypeAlias = Annotated[IPv4Network | IPv6Network, BeforeValidator(ip_network)]
HostName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+(:[0-9]+)?$")]


class _EnvFile(DotEnvSettingsSource):
    """The file `.env`, each value as it stands there: a password may have `${HOME}` in it."""

    @staticmethod
    def _static_read_env_file(file_path: Path, **_: object) -> Mapping[str, str | None]:
        found = dotenv_values(file_path, encoding="utf-8", interpolate=False)
        return {name.lower(): value for name, value in found.items() if value}


class Settings(BaseSettings):
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
        return init_settings, env_settings, _EnvFile(settings_cls)

    # When, and for whom
    cron_schedule: Annotated[str, AfterValidator(_readable_schedule)] = "0 * * * *"
    cron_timezone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    password_max_age_days: Annotated[int, IN_DIGITS] = Field(
        default=90, ge=1, le=36500, description="a whole number of days from 1 to 36500"
    )

    # Mail
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

    # Alerts
    alert_email_to: str | None = None
    alert_webhook_url: SecretStr | None = None
    alert_webhook_secret: SecretStr | None = None
    alert_slack_url: SecretStr | None = None
    alert_allow_networks: str | None = None
    alert_not_succeeded_for: str | None = None

    # Users and notices
    users_database_url: SecretStr | None = None
    notices_database_url: SecretStr | None = None
    users_table: Name = "users"
    users_id_column: Name = "id"
    users_email_column: Name = "email"
    users_name_column: Name = "name"
    users_password_changed_column: Name = "password_changed_at"  # noqa: S105 - a column
    users_password_expires_column: Name | None = None

    # The coordination store, and where an instance keeps its files
    cronfleet_store: SecretStr | None = None
    cronfleet_fleet: str = "default"
    cronfleet_data_dir: Path = Path("var")
    redis_url: Annotated[SecretStr, AfterValidator(_redis_url)] | None = None
    redis_host: str | None = None
    redis_port: Port = None
    redis_password: SecretStr | None = None

    # What an instance logs
    log_format: Literal["text", "json"] = Field(default="text", description="text or json")
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None, description="debug, info, warning or error"
    )

    # The server
    host: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    port: OwnPort = 3000
    cronfleet_tokens_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = Field(default=False, description="true or false")
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_listed)] = Field(
        default=(ip_network("127.0.0.0/8"), ip_network("::1")),
        description="addresses or networks with commas between, as in 10.0.0.5,10.1.0.0/16",
    )
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode, BeforeValidator(_listed)] = Field(
        default=(), description="names with commas between, as in cron.example.com"
    )
    metrics: Literal["off", "on", "open"] = Field(default="off", description="off, on or open")

    # Who is told of what fails
    sentry_dsn: SecretStr | None = None
    ping_url: SecretStr | None = None
    ping_networks: str = ""

    @property
    def secrets(self) -> list[str]:
        """What nobody else is to be told: all secret settings, of a store's URL its password."""
        values = (value.get_secret_value() for _, value in self if isinstance(value, SecretStr))
        return list(filter(None, map(_secret_in, values)))

    def store_url(self, given: str | None = None) -> str:
        """The coordination store's URL, password and all; `given` is what `--store` said.

        The first found of `given`, CRONFLEET_STORE, REDIS_URL, a Redis in parts, and a file
        `cronfleet.db` in CRONFLEET_DATA_DIR.
        """
        return (
            given
            or revealed(self.cronfleet_store)
            or revealed(self.redis_url)
            or self._redis_in_parts()
            or f"sqlite:///{self.cronfleet_data_dir / 'cronfleet.db'}"
        )

    def _redis_in_parts(self) -> str | None:
        password = revealed(self.redis_password)
        if not (self.redis_host or self.redis_port or password):
            return None
        name = self.redis_host or "localhost"
        host = f"[{name}]" if ":" in name else name
        login = f":{quote(password, safe='')}@" if password else ""
        return f"redis://{login}{host}:{self.redis_port or 6379}/0"

    @property
    def credentials_file(self) -> Path:
        return self.cronfleet_tokens_file or self.cronfleet_data_dir / "credentials.json"

    @property
    def mailbox_folder(self) -> Path:
        return self.mailbox_dir or self.cronfleet_data_dir / "mailbox"

    @property
    def mail_port(self) -> int:
        return self.smtp_port or (465 if self.smtp_tls == "tls" else 587)


def _secret_in(value: str) -> str:
    """Where a store is may be told; a page's address may itself be what lets people in."""
    is_of_store = "://" in value and not value.startswith("http")
    return password_in(value) if is_of_store else value


def revealed(secret: SecretStr | None) -> str | None:
    """What a secret setting holds, for the one who needs it: never for a line or an error."""
    return secret.get_secret_value() if secret else None


def load_settings() -> Settings:
    """The settings of this process; warns of files that others can read.

    Raises `ConfigurationError` with one line for each setting that cannot be used.
    """
    _check_folder()
    try:
        _warn_of_names(os.environ)
        _warn_of_names(_check_lines(ENV_FILE))
        _warn_if_open(ENV_FILE, _READABLE_BY_OTHERS, "which may hold passwords: chmod 600")
        settings = Settings()
    except ValidationError as error:
        raise ConfigurationError("\n".join(_complaints(error))) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None
    _check_columns(settings)
    _warn_if_open(
        settings.cronfleet_data_dir, _OPEN_TO_OTHERS, "which is for this user alone: chmod 700"
    )
    return settings


def environment() -> Mapping[str, str]:
    """Every variable: those of this process, and where it has none, those of the file `.env`.

    Raises ConfigurationError for a file that cannot be read.
    """
    try:
        _check_lines(ENV_FILE)
        found = dotenv_values(ENV_FILE, encoding="utf-8", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(error) from None
    return {name: value for name, value in found.items() if value} | dict(os.environ)


def _unreadable(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{ENV_FILE} cannot be read ({error}): make it a UTF-8 text file that this user may read"
    )


def _check_folder() -> None:
    """Whatever is named by a relative path is nowhere, if the folder that it starts from is gone."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError(
            "the folder that this was started in is gone: change to one that is there"
        ) from None


def _check_lines(env_file: Path) -> list[str]:
    """Refuse a line that would be passed over: its setting would silently be the default.

    The names in the file.
    """
    if env_file.is_dir():
        raise ConfigurationError(f"{env_file} is a folder: make it a text file, or remove it")
    if not env_file.is_file():
        return []
    with env_file.open(encoding="utf-8") as lines:
        bindings = list(parse_stream(lines))
    broken = [each.original.line for each in bindings if each.error]
    if broken:
        numbers = ", ".join(str(number) for number in broken)
        raise ConfigurationError(
            f"{env_file} line {numbers} cannot be read: write NAME=value, and close what is quoted"
        )
    return [each.key for each in bindings if each.key]


def _warn_of_names(names: Iterable[str]) -> None:
    """A name that is nearly one of ours is a slip: its setting would silently be the default."""
    ours = [field.upper() for field in Settings.model_fields]
    for name in names:
        close = get_close_matches(name.upper(), ours, n=1, cutoff=_NEARLY)
        if close and name.upper() not in ours:
            log.warning("%s is no setting: did you mean %s?", name, close[0])


def _check_columns(settings: Settings) -> None:
    if settings.users_password_expires_column is None:
        return
    if "users_password_changed_column" in settings.model_fields_set:
        raise ConfigurationError(
            "USERS_PASSWORD_CHANGED_COLUMN and USERS_PASSWORD_EXPIRES_COLUMN: set one of the two, "
            "the one whose date decides"
        )


def _warn_if_open(path: Path, to_others: int, then: str) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    if mode & to_others:
        log.warning("others can read %s, %s %s", path, then, path)


def _complaints(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        yield _complaint(str(detail["loc"][0]), detail)


def _complaint(field: str, detail: ErrorDetails) -> str:
    info = Settings.model_fields[field]
    reason = detail.get("ctx", {}).get("error") or (
        f"write {info.description}" if info.description else detail["msg"]
    )
    is_secret = "SecretStr" in repr(info.annotation)
    return f"{field.upper()}{'' if is_secret else _shown(detail['input'])}: {reason}"


def _shown(value: object) -> str:
    text = str(value)  # Not its repr, which would double the backslashes that are to be found.
    return f" '{text}'" if len(text) <= 80 else f" '{text[:80]}'..."
