"""Parts of the users of a table: the ids between them, written down for other instances."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from cronfleet.apps.password_expiry.users.source import PAGE, UserPage
from cronfleet.errors import ConfigurationError

_READERS: dict[str, Callable[[str], object]] = {
    "int": int,
    "str": str,
    "bytes": bytes.fromhex,
    "UUID": UUID,
    "Decimal": Decimal,
    "float": float,
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
}

ReadPage: TypeAlias = Callable[[object, object, int], UserPage]
"""The page behind an id, up to another and with it, of at most so many users."""


class Part:
    """Those whose ids follow `after`, up to `until` and with it; None is before or behind all."""

    def __init__(self, read: ReadPage, after: object, until: object) -> None:
        self._read = read
        self._after = after
        self._until = until

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """The next ones; see `UserSource.page`."""
        return self._read(self._after if after is None else after, self._until, limit)


def written(id_: object) -> str:
    """An id as text, with its type: what a database would compare with it must be the same.

    Raises `ConfigurationError` for a type that `id_of` could not make again.
    """
    kind = type(id_).__name__
    if kind not in _READERS:
        raise ConfigurationError(
            f"USERS_SHARDS: users cannot be read in parts by ids of the type {kind}; write 1, or name "
            "another unique column with USERS_ID_COLUMN"
        )
    return f"{kind}:{id_.hex() if isinstance(id_, bytes) else id_}"


def id_of(text: str | None) -> object | None:
    """The id that was written down; None stays None."""
    if text is None:
        return None
    kind, _, value = text.partition(":")
    return _READERS[kind](value)
