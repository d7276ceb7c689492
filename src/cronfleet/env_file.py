"""The file `.env`: read as it stands, and refused where a line of it would be passed over."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic_settings import DotEnvSettingsSource

from cronfleet.errors import ConfigurationError

ENV_FILE = Path(".env")


class EnvFile(DotEnvSettingsSource):
    """The file `.env`, each value as it stands there: a password may have `${HOME}` in it."""

    @staticmethod
    def _static_read_env_file(file_path: Path, **_: object) -> Mapping[str, str | None]:
        found = dotenv_values(file_path, encoding="utf-8", interpolate=False)
        return {name.lower(): value for name, value in found.items() if value}


def environment() -> Mapping[str, str]:
    """Every variable: those of this process, and where it has none, those of the file `.env`.

    Raises ConfigurationError for a file that cannot be read.
    """
    try:
        names_in(ENV_FILE)
        found = dotenv_values(ENV_FILE, encoding="utf-8", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(error) from None
    return {name: value for name, value in found.items() if value} | dict(os.environ)


def unreadable(error: Exception) -> ConfigurationError:
    """What to raise when the file cannot be read."""
    return ConfigurationError(
        f"{ENV_FILE} cannot be read ({error}): make it a UTF-8 text file that this user may read"
    )


def names_in(env_file: Path) -> list[str]:
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
