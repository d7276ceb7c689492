"""From an entry of a directory to a `User`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias
from uuid import UUID

from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.rows import OPTIONS, readable, with_options

Kind: TypeAlias = Literal["openldap", "activedirectory"]
Entry: TypeAlias = Mapping[str, Sequence[bytes]]
"""The values of an entry, by the names of its attributes in small letters."""

CONTROL = "userAccountControl"
COMPUTED = "msDS-UserPasswordExpiryTimeComputed"

_GUID = "objectguid"
_DISABLED, _NEVER_EXPIRES = 0x2, 0x10000
_TICKS_BEGIN = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = 0x7FFFFFFFFFFFFFFF
_GENERALIZED = re.compile(
    r"(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(\d\d)?)?(?:[.,]\d+)?(Z|[+-]\d\d(?:\d\d)?)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Attributes:
    """Which attribute says what. `options` are those of `OPTIONS` that there are."""

    id: str
    email: str = "mail"
    name: str = "displayName"
    date: str = "pwdChangedTime"
    options: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def named(self) -> dict[str, str]:
        """Each of them, by the setting that may name another."""
        fixed = {
            "USERS_ID_COLUMN": self.id,
            "USERS_EMAIL_COLUMN": self.email,
            "USERS_NAME_COLUMN": self.name,
            "USERS_PASSWORD_CHANGED_COLUMN or USERS_PASSWORD_EXPIRES_COLUMN": self.date,
        }
        return fixed | {OPTIONS[option]: name for option, name in self.options.items()}


def user_of(entry: Entry, attributes: Attributes, kind: Kind) -> User | None:
    """The user of an entry; None: it has no id. Of several values it is the first that counts."""
    id_ = _first(entry, attributes.id)
    if not id_:
        return None
    address = _first(entry, attributes.email)
    user = User(
        key=_key(id_, attributes.id),
        address=None if address is None else readable(address),
        name=readable(_first(entry, attributes.name) or b""),
        stored_date=None,
    )
    given = {option: _first(entry, name) for option, name in attributes.options.items()}
    user = with_options(user, given)
    return (
        _of_active_directory(user, entry)
        if kind == "activedirectory"
        else _dated(user, entry, attributes.date)
    )


def id_value(key: str, id_attribute: str) -> bytes | str:
    """What the id of an entry is whose key this is: `_key` backwards."""
    if id_attribute.lower() == _GUID:
        with suppress(ValueError):
            return UUID(key).bytes_le
    return key


def _key(id_: bytes, attribute: str) -> str:
    if attribute.lower() == _GUID and len(id_) == 16:
        return str(UUID(bytes_le=id_))
    return readable(id_)


def _dated(user: User, entry: Entry, attribute: str) -> User:
    """With the date as text that the rule reads, whether it is a GeneralizedTime or another one."""
    stored = _first(entry, attribute)
    return replace(user, stored_date=None if stored is None else _iso(readable(stored).strip()))


def _iso(text: str) -> str:
    """From `20260131235959Z` (RFC 4517) to ISO 8601; whatever is none is left as it stands."""
    found = _GENERALIZED.fullmatch(text)
    if found is None:
        return text
    year, month, day, hour, minute, second, offset = found.groups(default="00")
    return f"{year}-{month}-{day}T{hour}:{minute}:{second}{offset}"


def _of_active_directory(user: User, entry: Entry) -> User:
    """With what Active Directory knows: when the password was set, and when it will expire.

    A password that must be changed at the next logon (0) has no date; who logs on is told.
    """
    try:
        control = _number(entry, CONTROL) or 0
        changed = _number(entry, "pwdLastSet") or None
        expires = _number(entry, COMPUTED) or None
        return replace(
            user,
            is_active=user.is_active and not control & _DISABLED,
            never_expires=user.never_expires
            or bool(control & _NEVER_EXPIRES)
            or (expires is not None and _instant(expires) is None),
            stored_date=_stored(changed),
            expires=None if expires is None else _instant(expires),
        )
    except ValueError:
        told = f"its pwdLastSet, {CONTROL} or {COMPUTED} cannot be read"
        return replace(user, complaint=user.complaint or told)


def _stored(changed: int | None) -> str | None:
    moment = None if changed is None else _instant(changed)
    return None if moment is None else moment.isoformat()


def _number(entry: Entry, attribute: str) -> int | None:
    text = _first(entry, attribute)
    return None if text is None else int(text)


def _instant(ticks: int) -> datetime | None:
    """From 100 ns each since 1601; None: never, or behind the last year that there is."""
    if ticks < 0:
        raise ValueError("before 1601")
    if ticks == _NEVER:
        return None
    try:
        return _TICKS_BEGIN + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return None


def _first(entry: Entry, attribute: str) -> bytes | None:
    values = entry.get(attribute.lower())
    return values[0] if values else None
