"""The users' own database: read only, page by page, and only the columns that are needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    FromClause,
    Inspector,
    Row,
    Select,
    String,
    cast,
    column,
    inspect,
    select,
    table,
)
from sqlalchemy.types import Integer, LargeBinary, TypeEngine, Uuid

from cronfleet.apps.password_expiry.databases import Database
from cronfleet.apps.password_expiry.policy import User
from cronfleet.errors import ConfigurationError

PAGE = 500

_MANY_NAMES = 40


@dataclass(frozen=True, slots=True)
class UserColumns:
    """Where the users stand: the table, or `schema.table` or a view, and its columns.

    `id` must be unique. `date` holds when a password was changed, or when it expires.
    """

    table: str = "users"
    id: str = "id"
    email: str = "email"
    name: str = "name"
    date: str = "password_changed_at"


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some users, in the order of their ids; `last_id` is where the next page begins after."""

    users: list[User]
    last_id: object


class UserTable:
    """The users, as configured. Every method raises `DatabaseError`, and blocks."""

    def __init__(self, database: Database, columns: UserColumns) -> None:
        self.database = database
        self._columns = columns
        self._table = _table(columns)
        # Always with its table before it: alone, it might mean the name that a value comes under.
        self._id: ColumnElement[Any] = self._table.c[columns.id]
        self._id_type: TypeEngine[Any] | None = None

    def check(self) -> None:
        """Find the table and its columns in the database's catalogue.

        Raises `ConfigurationError`, which names those that are there.
        """
        with self.database.begin() as connection:
            types = _types_of(connection, self._columns.table, self.database)
        settings = {
            "USERS_ID_COLUMN": self._columns.id,
            "USERS_EMAIL_COLUMN": self._columns.email,
            "USERS_NAME_COLUMN": self._columns.name,
            "USERS_PASSWORD_CHANGED_COLUMN or USERS_PASSWORD_EXPIRES_COLUMN": self._columns.date,
        }
        for setting, name in settings.items():
            if name not in types:
                raise ConfigurationError(
                    f"{setting}: {self._columns.table} has no column {name!r}; "
                    f"it has {_listed(types)}"
                )
        self._id_type = types[self._columns.id]

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """The users whose ids follow `after`; None is before the first one. Empty at the end."""
        query = self._query().order_by(self._id).limit(limit)
        query = query.where(self._id.is_not(None) if after is None else self._id > after)
        with self.database.begin() as connection:
            rows = connection.execute(query).all()
        return UserPage([_user(row) for row in rows], rows[-1][0] if rows else None)

    def find(self, key: str) -> User | None:
        """The user of that key, as stored now."""
        with self.database.begin() as connection:
            row = connection.execute(self._query().where(self._has_key(key)).limit(1)).first()
        return _user(row) if row else None

    def _query(self) -> Select[*tuple[Any, ...]]:
        names = self._columns
        email, name, date = (self._table.c[n] for n in (names.email, names.name, names.date))
        # The date as text, whatever its type: one that a driver cannot load would cost the page.
        return select(self._id, email, name, cast(date, String))

    def _has_key(self, key: str) -> ColumnElement[bool]:
        value = _native(key, self._id_type)
        if value is None:  # No index helps here, but it is right for every type.
            return cast(self._id, String) == key
        return self._id == value


def _table(columns: UserColumns) -> FromClause:
    schema, _, name = columns.table.rpartition(".")
    names = dict.fromkeys((columns.id, columns.email, columns.name, columns.date))
    found: list[ColumnClause[Any]] = [column(each) for each in names]
    return table(name, *found, schema=schema or None).alias("person")


def _types_of(connection: Connection, named: str, database: Database) -> dict[str, Any]:
    schema, _, name = named.rpartition(".")
    inspector = inspect(connection)
    tables = _tables_in(inspector, schema or None, database)
    if name not in tables:
        raise ConfigurationError(
            f"USERS_TABLE: {database.setting} {database.shown} has no table {named!r}; "
            f"it has {_listed(tables)}"
        )
    return {c["name"]: c["type"] for c in inspector.get_columns(name, schema or None)}


def _tables_in(inspector: Inspector, schema: str | None, database: Database) -> list[str]:
    if schema is not None and schema not in (schemas := inspector.get_schema_names()):
        raise ConfigurationError(
            f"USERS_TABLE: {database.setting} {database.shown} has no schema {schema!r}; "
            f"it has {_listed(schemas)}"
        )
    return inspector.get_table_names(schema) + inspector.get_view_names(schema)


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _MANY_NAMES} more" if len(ordered) > _MANY_NAMES else ""
    return ", ".join(ordered[:_MANY_NAMES]) + more if ordered else "none"


def _user(row: Row[*tuple[Any, ...]]) -> User:
    id_, email, name, date = row
    return User(_text(id_), None if email is None else _text(email), _text(name or ""), date)


def _text(value: Any) -> str:
    return bytes(value).hex() if isinstance(value, bytes | bytearray) else str(value)


def _native(key: str, id_type: TypeEngine[Any] | None) -> object | None:
    """The id that `_text` made this key of, by its column's type; None where that is not sure."""
    try:
        match id_type:
            case Integer():
                return int(key)
            case Uuid():
                return UUID(key)
            case LargeBinary():
                return bytes.fromhex(key)
            case String():
                return key
            case _:
                return None
    except ValueError:
        return None
