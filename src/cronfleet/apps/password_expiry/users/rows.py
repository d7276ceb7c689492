"""From what is stored of a user to a `User`. What cannot be read is that user's complaint alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cronfleet.apps.password_expiry.users.policy import User

LOCALE, ACTIVE, MANAGER = "locale", "active", "manager"
NEVER_EXPIRES, MAX_AGE_DAYS = "never_expires", "max_age_days"
OPTIONS = {
    LOCALE: "USERS_LOCALE_COLUMN",
    ACTIVE: "USERS_ACTIVE_COLUMN",
    MANAGER: "USERS_MANAGER_EMAIL_COLUMN",
    NEVER_EXPIRES: "USERS_NEVER_EXPIRES_COLUMN",
    MAX_AGE_DAYS: "USERS_MAX_AGE_DAYS_COLUMN",
}
"""What may be stored of a user besides, each with the setting that names its column."""

_TRUE = {"1", "true", "t", "yes", "y", "on", "\x01"}
_FALSE = {"0", "false", "f", "no", "n", "off", "\0"}
_DAYS = re.compile(r"([0-9]{1,5})(?:\.0*)?", re.ASCII)
_MOST_DAYS = 36500
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[_-][A-Za-z0-9]{1,8}){0,3}", re.ASCII)


class _UnreadableError(ValueError):
    """An option that says nothing that is understood. Its message holds nothing of it."""


def user_of(row: Sequence[Any], options: Sequence[str] = ()) -> User:
    """From id, address, name and date, and what the row has of these options."""
    id_, email, name, date, *given = row
    address = None if email is None else readable(email)
    user = User(key_of(id_), address, readable(name or ""), date)
    return with_options(user, dict(zip(options, given, strict=True))) if options else user


def with_options(user: User, given: Mapping[str, Any]) -> User:
    """The user with what is stored besides; what is blank is as if there were no such column."""
    stored = {
        name: text
        for name, value in given.items()
        if value is not None and (text := readable(value).strip(" "))
    }
    try:
        return replace(
            user,
            locale=_locale(stored.get(LOCALE, "")),
            manager=stored.get(MANAGER),
            is_active=_flag(stored, ACTIVE, unset=True),
            never_expires=_flag(stored, NEVER_EXPIRES, unset=False),
            max_age_days=_days(stored),
        )
    except _UnreadableError as error:
        return replace(user, complaint=str(error))


def readable(value: Any) -> str:
    """Text that may stand there as bytes. What is no UTF-8 in it makes of an address a bad one."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def key_of(id_: Any) -> str:
    """The user's key: the id as text, of bytes their hexadecimal digits."""
    return bytes(id_).hex() if isinstance(id_, bytes | bytearray) else str(id_)


def _locale(text: str) -> str:
    """As in `de_AT`; whatever else is stored is no language, and nothing that names a file."""
    found = _LANGUAGE.match(text)
    return found[0].replace("-", "_") if found else ""


def _flag(stored: Mapping[str, str], name: str, *, unset: bool) -> bool:
    text = stored.get(name)
    if text is None:
        return unset
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise _UnreadableError(f"its {OPTIONS[name]} is neither true nor false")


def _days(stored: Mapping[str, str]) -> int | None:
    text = stored.get(MAX_AGE_DAYS)
    if text is None:
        return None
    found = _DAYS.fullmatch(text)
    days = int(found[1]) if found else 0
    if not 1 <= days <= _MOST_DAYS:
        raise _UnreadableError(f"its {OPTIONS[MAX_AGE_DAYS]} is no whole number from 1 to 36500")
    return days
