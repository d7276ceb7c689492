"""Asking a directory: searches over a connection that is kept, and readers of pages (RFC 2696)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cronfleet.apps.password_expiry.databases.databases import DatabaseError
from cronfleet.apps.password_expiry.users.directory.connecting import Directory
from cronfleet.apps.password_expiry.users.directory.entries import Entry

EVERY = "(objectClass=*)"

_PAGED = "1.2.840.113556.1.4.319"
_SPECIAL = "\\*()"

Got = TypeVar("Got")


@dataclass(slots=True, eq=False)
class Scan:
    """Where a reader of pages stands. The directory remembers that with the connection alone."""

    connection: Any
    cookie: bytes | None = None
    has_ended: bool = False


class Asking:
    """Searches for these attributes. Every method raises `DatabaseError`, and blocks."""

    def __init__(self, directory: Directory, attributes: Sequence[str]) -> None:
        self._directory = directory
        self._attributes = list(attributes)
        self._lock = threading.Lock()
        self._kept: Any = None
        self._scans: set[Scan] = set()

    def known(self) -> Container[str] | None:
        """The attributes of the directory's schema; None where nobody may read that."""
        connection = self._directory.connected(with_schema=True)
        schema = connection.server.schema
        self._directory.part_from(connection)
        return schema and schema.attribute_types

    def entry(self, name: str) -> Entry | None:
        """The entry of this name; None where there is none that may be read."""
        try:
            found = self._asked(lambda each: self._search(each, name, EVERY, "BASE"))
        except DatabaseError as error:
            if not self._directory.has_no_such(error):
                raise
            return None
        return next(iter(found), None)

    def below(self, base: str, matching: str) -> list[Entry]:
        """All entries that match, to be asked for few at a time."""
        return self._asked(lambda each: self._search(each, base, matching, "SUBTREE"))

    def begin(self) -> Scan:
        """A reader of pages, with a connection of its own."""
        scan = Scan(self._directory.connected())
        self._scans.add(scan)
        return scan

    def next(self, scan: Scan, base: str, matching: str, limit: int) -> list[Entry]:
        """The next page, which may be empty; `scan` knows whether it is the last one."""
        try:
            paged = {"paged_size": limit, "paged_cookie": scan.cookie}
            found = self._search(scan.connection, base, matching, "SUBTREE", **paged)
        except BaseException:
            self.end(scan)
            raise
        controls: dict[str, Any] = scan.connection.result.get("controls") or {}
        paging: dict[str, Any] = controls.get(_PAGED, {}).get("value", {})
        scan.cookie = paging.get("cookie") or None
        scan.has_ended = scan.cookie is None
        return found

    def end(self, scan: Scan) -> None:
        scan.has_ended = True
        self._scans.discard(scan)
        self._directory.part_from(scan.connection)

    def close(self) -> None:
        with self._lock:
            self._drop()
        for scan in list(self._scans):
            self.end(scan)

    def _asked(self, ask: Callable[[Any], Got]) -> Got:
        """Over the connection that is kept; one that was idle for too long is made anew, once."""
        with self._lock:
            was_kept = self._kept is not None
            try:
                return ask(self._connection())
            except DatabaseError as error:
                if not self._directory.has_ended(error):
                    raise
                self._drop()
                if not was_kept:
                    raise
            return ask(self._connection())

    def _connection(self) -> Any:
        if self._kept is None:
            self._kept = self._directory.connected()
        return self._kept

    def _drop(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            self._directory.part_from(kept)

    def _search(
        self, connection: Any, base: str, matching: str, scope: str, **paged: Any
    ) -> list[Entry]:
        with self._directory.asked():
            connection.search(base, matching, scope, attributes=self._attributes, **paged)
        self._directory.check(connection.result)
        return [_entry(each) for each in connection.response if each["type"] == "searchResEntry"]


def escaped(value: bytes | str) -> str:
    """As it may stand in a filter (RFC 4515), where nothing in it means anything."""
    if isinstance(value, bytes):
        return "".join(f"\\{byte:02x}" for byte in value)
    return "".join(
        f"\\{ord(c):02x}" if c in _SPECIAL or (not c.isprintable() and ord(c) < 0x80) else c
        for c in value
    )


def any_of(attribute: str, values: Iterable[bytes | str]) -> str:
    """The filter for entries with one of these values."""
    return "(|{})".format("".join(f"({attribute}={escaped(value)})" for value in values))


def _entry(response: Any) -> Entry:
    return {name.lower(): values for name, values in response["raw_attributes"].items()}
