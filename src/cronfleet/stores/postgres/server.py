"""What a PostgreSQL server must be like, and its errors in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from psycopg import Error, InterfaceError, OperationalError

from cronfleet.errors import StoreError, StoreRefusedError, StoreUnavailableError

OLDEST = 13

GRANTS = (
    "grant its role USAGE on the schema, SELECT, INSERT, UPDATE and DELETE on all tables in it, "
    "and USAGE, SELECT and UPDATE on all sequences in it; or let the role own the schema"
)

# Rolled back for certain, and worth another try.
_TRY_AGAIN = frozenset({"40001", "40P01"})
_LOST = re.compile("08...|57P0[1-5]|25P03")

# Of connecting there is no code, only the text; one in another language counts as away.
_LOGIN = re.compile(
    r"password authentication failed|no password supplied|authentication failed|pg_hba\.conf"
    r"|role .* does not exist|not permitted to log in|no such user"
)
_NO_DATABASE = re.compile(r"database .* does not exist|no such database")
_NOT_IN_DATABASE = re.compile("permission denied for database")
_MAKE_SCHEMA = (
    "make its schema for it (CREATE SCHEMA ... AUTHORIZATION), grant it CREATE on the database, or "
    "have the schema made by any command of a role that may"
)
_TLS = re.compile(r"does not support SSL|certificate")

_STANDBY = "it is a standby, or was made read-only: name the primary, or all servers"
_AWAY = {
    "0A000": _STANDBY,  # So a standby answers to BEGIN READ WRITE.
    "25006": _STANDBY,
    "55P03": "another transaction kept its lock for too long",
    "57014": "it took too long, or was cancelled",
}
_AWAY_CLASSES = frozenset({"08", "25", "40", "53", "57", "58"})


def is_undone(error: Error) -> bool:
    """Whether the server has rolled back what another try may well do."""
    return error.sqlstate in _TRY_AGAIN


def is_lost(error: Error) -> bool:
    """Whether the connection is gone."""
    if error.sqlstate is None:
        return isinstance(error, OperationalError | InterfaceError)
    return bool(_LOST.fullmatch(error.sqlstate))


def in_our_words(name: str, error: Error) -> StoreError:
    """An error of the driver's as one of ours: refused where a person must change something."""
    said = " ".join(str(error).split()) or type(error).__name__
    state = error.sqlstate
    if state is None:
        return _of_connection(name, said, error)
    if state == "42501":
        grants = _MAKE_SCHEMA if _NOT_IN_DATABASE.search(said) else GRANTS
        return StoreRefusedError(
            f"the store {name} does not allow what cronfleet needs: {said}; {grants}"
        )
    if state in {"3F000", "42P01"}:
        return StoreRefusedError(
            f"the store {name} has lost its tables: {said}. Restore them from a backup, or start "
            "again to have them made anew"
        )
    if state in _AWAY or state[:2] in _AWAY_CLASSES:
        return StoreUnavailableError(name, f"{_AWAY[state]} ({said})" if state in _AWAY else said)
    return StoreError(f"the store {name} answered what cannot be worked with: {said}")


def _of_connection(name: str, said: str, error: Error) -> StoreError:
    if _LOGIN.search(said):
        return StoreRefusedError(
            f"the store {name} refuses the login: {said}. Write user and password into the URL, as "
            "postgresql://user:password@host:5432/database, or allow the login in pg_hba.conf"
        )
    if _NO_DATABASE.search(said):
        return StoreRefusedError(
            f"the store {name} has no such database: {said}. Make it with createdb, or name another"
        )
    if _NOT_IN_DATABASE.search(said):
        return StoreRefusedError(
            f"the store {name} does not let this user in: {said}. Grant it CONNECT on the database"
        )
    if _TLS.search(said):
        return StoreRefusedError(
            f"the store {name} and this instance do not agree on TLS: {said}. Set sslmode and "
            "sslrootcert in the URL"
        )
    if is_lost(error):
        what = f"{_STANDBY} ({said})" if "hot standby" in said else said
        return StoreUnavailableError(name, what)
    return StoreError(f"the store {name} answered what cannot be worked with: {said}")


def check(name: str, about: Mapping[str, Any]) -> None:
    """Refuse a server that cannot be used.

    Raises StoreRefusedError, or StoreUnavailableError for a standby, which may be promoted.
    """
    if about["version"] < OLDEST * 10_000:
        raise StoreRefusedError(
            f"the store {name} runs PostgreSQL {about['version_name']}: use {OLDEST} or newer"
        )
    if about["encoding"] != "UTF8":
        raise StoreRefusedError(
            f"the store {name} keeps its texts in {about['encoding']}: name a database that was "
            "made with createdb --encoding=UTF8 --template=template0"
        )
    if about["is_standby"]:
        raise StoreUnavailableError(name, _STANDBY)
