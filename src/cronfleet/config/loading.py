"""Reading the settings, and saying what is wrong with them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cronfleet.config.settings import Settings
from cronfleet.config.wording import check_link
from cronfleet.env_file import ENV_FILE, names_in, unreadable
from cronfleet.errors import ConfigurationError

log: logging.Logger = logging.getLogger(__name__)

_READABLE_BY_OTHERS = 0o044
_NEARLY = 0.9
_OPEN_TO_OTHERS = 0o077


def load_settings() -> Settings:
    """The settings of this process; warns of files that others can read.

    Raises `ConfigurationError` with one line for each setting that cannot be used.
    """
    _check_folder()
    try:
        _warn_of_names(os.environ)
        _warn_of_names(names_in(ENV_FILE))
        _warn_if_open(ENV_FILE, _READABLE_BY_OTHERS, "which may hold passwords: chmod 600")
        settings = Settings()
    except ValidationError as error:
        raise ConfigurationError("\n".join(_complaints(error))) from None
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(error) from None
    _check_columns(settings)
    _check_link(settings)
    _warn_if_open(
        settings.cronfleet_data_dir, _OPEN_TO_OTHERS, "which is for this user alone: chmod 700"
    )
    return settings


def _check_folder() -> None:
    """Whatever is named by a relative path is nowhere, if the folder that it starts from is gone."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError(
            "the folder that this was started in is gone: change to one that is there"
        ) from None


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
    if settings.users_max_age_days_column is not None:
        raise ConfigurationError(
            "USERS_PASSWORD_EXPIRES_COLUMN and USERS_MAX_AGE_DAYS_COLUMN: set one of the two; a "
            "date of expiry needs no age"
        )
    if "users_password_changed_column" in settings.model_fields_set:
        raise ConfigurationError(
            "USERS_PASSWORD_CHANGED_COLUMN and USERS_PASSWORD_EXPIRES_COLUMN: set one of the two, "
            "the one whose date decides"
        )


def _check_link(settings: Settings) -> None:
    """Here, since what is wrong with it must not be shown with it."""
    if settings.password_change_url is None:
        return
    try:
        check_link("PASSWORD_CHANGE_URL", settings.password_change_url)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


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
