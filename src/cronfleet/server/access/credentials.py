"""What callers show to say who they are, as it is kept: nothing here lets anybody in.

Of a token its SHA-256 is enough, since nobody can guess 256 bits; a password is kept by scrypt.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from cronfleet.errors import ConfigurationError
from cronfleet.server.access.roles import Caller, Role

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_VERSION = 1
_KEY_BYTES = 32


class Kind(StrEnum):
    """How a credential is shown."""

    TOKEN = "token"  # noqa: S105 - a word for it
    PASSWORD = "password"  # noqa: S105 - a word for it


_GROUPS = {Kind.TOKEN: "token", Kind.PASSWORD: "account"}
"""Of commands, by the kind that each is about."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A token or a password, by the hash that it is known by."""

    name: str
    """Of its owner, and unique: it is what the audit tells."""
    kind: Kind
    role: Role
    hash: str
    created_at: datetime
    expires_at: datetime | None = None

    @property
    def caller(self) -> Caller:
        return Caller(self.name, self.role)

    @property
    def mark(self) -> str:
        """Names this very credential, and no later one of the same name."""
        return hashlib.sha256(f"{self.name}\n{self.hash}".encode()).hexdigest()[:32]

    def is_valid(self, now: datetime) -> bool:
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that are known, and the key by which logins are signed."""

    session_key: bytes
    all: tuple[Credential, ...] = ()

    def named(self, name: str) -> Credential | None:
        return next((each for each in self.all if each.name == name), None)

    def valid(self, now: datetime) -> list[Credential]:
        return [each for each in self.all if each.is_valid(now)]

    def with_(self, credential: Credential) -> Credentials:
        """Raises ConfigurationError for a name that is none, or is taken."""
        if not _NAME.fullmatch(credential.name):
            raise ConfigurationError(
                f"{credential.name!r} is no name for a caller: write 1 to 64 letters, digits, "
                ". _ @ or -, the first a letter or a digit"
            )
        if self.named(credential.name):
            raise ConfigurationError(
                f"there is a caller {credential.name} already: revoke it first, or take another name"
            )
        return Credentials(self.session_key, (*self.all, credential))

    def without(self, name: str, kind: Kind) -> Credentials:
        """Raises ConfigurationError when there is none of that name and kind."""
        left = tuple(each for each in self.all if (each.name, each.kind) != (name, kind))
        if len(left) == len(self.all):
            raise ConfigurationError(
                f"there is no {kind} of {name!r}: `cronfleet {_GROUPS[kind]} list` names all"
            )
        return Credentials(self.session_key, left)


def no_credentials() -> Credentials:
    """None yet, with a new key."""
    return Credentials(secrets.token_bytes(_KEY_BYTES))


def written(credentials: Credentials) -> str:
    """As a file holds them."""
    rows = [
        {
            "name": each.name,
            "kind": each.kind,
            "role": each.role,
            "hash": each.hash,
            "created_at": each.created_at.isoformat(),
            "expires_at": each.expires_at and each.expires_at.isoformat(),
        }
        for each in credentials.all
    ]
    document = {
        "version": _VERSION,
        "session_key": credentials.session_key.hex(),
        "credentials": rows,
    }
    return json.dumps(document, indent=2) + "\n"


def read(text: str) -> Credentials:
    """Raises ValueError for what no `written` made."""
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            raise ValueError("it is of another version of cronfleet")
        key = bytes.fromhex(document["session_key"])
        if len(key) < _KEY_BYTES:
            raise ValueError("its key is too short")
        return Credentials(key, tuple(map(_credential, document["credentials"])))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("something is missing in it") from error


def _credential(row: Mapping[str, Any]) -> Credential:
    expires_at = row["expires_at"]
    return Credential(
        name=str(row["name"]),
        kind=Kind(row["kind"]),
        role=Role(row["role"]),
        hash=str(row["hash"]),
        created_at=_instant(row["created_at"]),
        expires_at=None if expires_at is None else _instant(expires_at),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
