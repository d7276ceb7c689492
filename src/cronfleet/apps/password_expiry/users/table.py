"""The users' own database: read only, page by page, and only the columns that are needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    ColumnElement,
    Connection,
    FromClause,
    Inspector,
    Select,
    String,
    TableClause,
    bindparam,
    cast,
    column,
    func,
    inspect,
    or_,
    select,
    table,
)
from sqlalchemy.types import BINARY, VARBINARY, Enum, Integer, LargeBinary, TypeEngine, Uuid

from cronfleet.apps.password_expiry.databases.databases import Database, Prepared
from cronfleet.apps.password_expiry.users.parts import Part, id_of, written
from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.rows import OPTIONS, user_of
from cronfleet.apps.password_expiry.users.source import PAGE, UserPage
from cronfleet.errors import ConfigurationError

_MANY_NAMES = 40
_TRIED = 3  # One odd row is no reason to refuse the others.
_ALIKE = 5  # How many ids may look the same as text: bytes, numbers and text in one column.
_MOST = 2**63  # No database's number is greater, and no driver takes one that is.


@dataclass(frozen=True, slots=True)
class UserColumns:
    """Where the users stand: the table, or `schema.table` or a view, and its columns.

    `id` must be unique. `date` holds when a password was changed, or when it expires. The others
    are those of `OPTIONS`, None where there is no such column.
    """

    table: str = "users"
    id: str = "id"
    email: str = "email"
    name: str = "name"
    date: str = "password_changed_at"
    locale: str | None = None
    active: str | None = None
    manager: str | None = None
    never_expires: str | None = None
    max_age_days: str | None = None

    @property
    def options(self) -> dict[str, str]:
        """The columns of those options that there are."""
        return {name: found for name in OPTIONS if (found := getattr(self, name))}


class UserTable:
    """The users, as configured: a `UserSource`. Every method raises `DatabaseError`, and blocks."""

    def __init__(self, database: Database, columns: UserColumns) -> None:
        self.database = database
        self._columns = columns
        self._of = _table(columns)
        self._table: FromClause = self._of.alias("person")
        # Always with its table before it: alone, it might mean the name that a value comes under.
        self._id: ColumnElement[Any] = self._table.c[columns.id]
        self._id_type: TypeEngine[Any] | None = None
        self._finders: dict[tuple[tuple[str, int], ...], Prepared] = {}
        self._options = tuple(columns.options)
        email, name = self._table.c[columns.email], self._table.c[columns.name]
        # As text, whatever the type: one that a driver cannot load would cost the page.
        as_text = (columns.date, *columns.options.values())
        others = (cast(self._table.c[each], String) for each in as_text)
        self._rows: Select[*tuple[Any, ...]] = select(self._id, email, name, *others)

    @property
    def setting(self) -> str:
        return self.database.setting

    @property
    def shown(self) -> str:
        return self.database.shown

    def describe(self) -> str:
        return f"table {self._columns.table} in your database"

    def probe(self) -> None:
        self.database.probe()

    def close(self) -> None:
        self.database.close()

    def check(self) -> None:
        """Find the table and its columns in the database's catalogue, and users by their ids.

        Raises `ConfigurationError`, which names what is there.
        """
        with self.database.begin() as connection:
            types = _types_of(connection, self._columns.table, self.database)
        settings = {
            "USERS_ID_COLUMN": self._columns.id,
            "USERS_EMAIL_COLUMN": self._columns.email,
            "USERS_NAME_COLUMN": self._columns.name,
            "USERS_PASSWORD_CHANGED_COLUMN or USERS_PASSWORD_EXPIRES_COLUMN": self._columns.date,
        }
        settings |= {OPTIONS[option]: name for option, name in self._columns.options.items()}
        for setting, name in settings.items():
            if name not in types:
                raise ConfigurationError(
                    f"{setting}: {self._columns.table} has no column {name!r}; "
                    f"it has {_listed(types)}"
                )
        self._check_rights(settings.values())
        self._id_type = types[self._columns.id]
        self._check_ids()

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """The users whose ids follow `after`; None is before the first one. Empty at the end.

        Longer than the limit only where its last id stands in several rows.
        """
        return self._page(after, None, limit)

    def bounds(self, parts: int) -> list[str]:
        """Ids, written down, that part the users; see `Divisible`. Counted in their order.

        Raises `ConfigurationError` where they cannot be written down.
        """
        found: list[Any] = []
        count = func.count(self._id)
        with self.database.begin() as connection:
            users = connection.scalar(select(count).select_from(self._table)) or 0
            ends = [users * part // parts for part in range(parts)]
            for begin, end in pairwise(ends):
                # From one to the next, so that all of them together are one walk.
                query = select(self._id).where(self._follows(found[-1] if found else None))
                at = query.order_by(self._id).offset(max(end - begin, 1) - 1).limit(1)
                if (id_ := connection.scalar(at)) is None:  # Fewer users than parts.
                    break
                found.append(id_)
        return [written(id_) for id_ in found]

    def part(self, after: str | None, until: str | None) -> Part:
        """The users from one of the `bounds` to another."""
        return Part(self._page, id_of(after), id_of(until))

    def _follows(self, after: object) -> ColumnElement[bool]:
        return self._id.is_not(None) if after is None else self._id > after

    def _page(self, after: object, until: object, limit: int) -> UserPage:
        query = self._rows.where(self._follows(after)).order_by(self._id).limit(limit + 1)
        if until is not None:
            query = query.where(self._id <= until)
        with self.database.begin() as connection:
            found = connection.execute(query).all()
            rows = list(found[:limit])
            last = rows[-1][0] if rows else None
            if len(found) > limit and found[-1][0] == last:
                # The next page begins behind all that have this id.
                rows = [row for row in rows if row[0] != last]
                rows += connection.execute(self._rows.where(self._id == last).limit(PAGE))
        users = [user_of(row, self._options) for row in rows]
        keys = Counter(user.key for user in users)
        return UserPage(users, last, frozenset(key for key, count in keys.items() if count > 1))

    def without_id(self) -> int:
        """How many rows have none."""
        query = select(func.count()).select_from(self._table).where(self._id.is_(None))
        with self.database.begin() as connection:
            return connection.scalar(query) or 0

    def find(self, keys: Sequence[str]) -> dict[str, User]:
        """The users of these keys that are there, as stored now."""
        # Where several have one key, it is the first one's, as on a page.
        return {user.key: user for user in reversed(self._all_of(keys))}

    def repeated(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of these keys that stand in several rows now."""
        counts = Counter(user.key for user in self._all_of(keys))
        return frozenset(key for key, count in counts.items() if count > 1)

    def _all_of(self, keys: Sequence[str]) -> list[User]:
        """One for each row."""
        values = {name: _filled_up(found) for name, found in self._values_of(keys).items()}
        finder = self._finder({name: len(found) for name, found in values.items()})
        with self.database.begin() as connection:
            rows = finder.rows(connection, *chain(*values.values()))
        # One that stands in many rows may hide another.
        if len(rows) >= _ALIKE * len(keys) and len(keys) > 1:
            return [user for each in dict.fromkeys(keys) for user in self._all_of([each])]
        wanted = set(keys)
        users = (user_of(row, self._options) for row in rows)
        return [user for user in users if user.key in wanted]

    def _values_of(self, keys: Sequence[str]) -> dict[str, list[Any]]:
        """What the id of one of these may be: of its column's type, anything as text, or bytes."""
        native = [_native(key, self._id_type) for key in keys]
        values = {
            "typed": [value for value in native if value is not None],
            "texts": [key for key, value in zip(keys, native, strict=True) if value is None],
        }
        if self.database.dialect == "sqlite":  # There, a column of any type may hold bytes.
            values["stored"] = [value for key in keys if (value := _bytes(key)) is not None]
        return {name: found for name, found in values.items() if found}

    def _finder(self, counts: Mapping[str, int]) -> Prepared:
        """For so many values of each kind."""
        of = tuple(counts.items())
        if of not in self._finders:
            names = {kind: [f"{kind}_{n}" for n in range(count)] for kind, count in of}
            is_one = or_(*(self._is_one_of(kind, each) for kind, each in names.items()))
            found = self._rows.where(is_one).limit(_ALIKE * sum(counts.values()))
            self._finders[of] = Prepared(self.database, found, *chain(*names.values()))
        return self._finders[of]

    def _is_one_of(self, kind: str, names: Sequence[str]) -> ColumnElement[bool]:
        """Of the values of these parameters."""
        match kind:
            case "typed":
                id_, of_type = self._id, _bound_as(self._id_type)
            case "texts":  # No index helps with a cast, but it is right for most types.
                id_, of_type = cast(self._id, String), String()
            case _:
                id_, of_type = self._id, LargeBinary()
        return id_.in_([bindparam(name, type_=of_type) for name in names])

    def _check_rights(self, names: Iterable[str]) -> None:
        """On PostgreSQL, which itself would name the table alone, and no column."""
        if self.database.dialect != "postgresql":
            return
        wanted = list(dict.fromkeys(names))
        with self.database.begin() as connection:
            written = connection.dialect.identifier_preparer.format_table(self._of)
            may = (func.has_column_privilege(written, name, "SELECT") for name in wanted)
            found = connection.execute(select(*may)).one()
        denied = [name for name, is_readable in zip(wanted, found, strict=True) if not is_readable]
        if denied:
            raise ConfigurationError(
                f"{self.database.setting} {self.database.shown}: this login may not read "
                f"{', '.join(denied)} of {self._columns.table}: "
                f"GRANT SELECT ({', '.join(denied)}) ON {self._columns.table} to it"
            )

    def _check_ids(self) -> None:
        users = self.page(None, limit=_TRIED).users
        if users and not self.find([user.key for user in users]):
            raise ConfigurationError(
                f"USERS_ID_COLUMN: no user is found again by {self._columns.id!r}, whose type is "
                f"{self._id_type}; name another unique column, of numbers, text, bytes or UUIDs"
            )


def _table(columns: UserColumns) -> TableClause:
    schema, _, name = columns.table.rpartition(".")
    names = dict.fromkeys(
        (columns.id, columns.email, columns.name, columns.date, *columns.options.values())
    )
    found: list[ColumnClause[Any]] = [column(each) for each in names]
    return table(name, *found, schema=schema or None)


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
    views = inspector.get_view_names(schema)
    if database.dialect == "postgresql":
        views += inspector.get_materialized_view_names(schema)
    return inspector.get_table_names(schema) + views


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - _MANY_NAMES} more" if len(ordered) > _MANY_NAMES else ""
    return ", ".join(ordered[:_MANY_NAMES]) + more if ordered else "none"


def _filled_up(values: list[Any]) -> list[Any]:
    """To a power of two, with the last one: a statement is made for each number of them."""
    missing = (1 << (len(values) - 1).bit_length()) - len(values)
    return [*values, *values[-1:] * missing]


def _native(key: str, id_type: TypeEngine[Any] | None) -> object | None:
    """The id that `key_of` made this key of, by its column's type; None where that is not sure."""
    try:
        match id_type:
            case Integer():
                return (
                    number if str(number := int(key)) == key and -_MOST <= number < _MOST else None
                )
            case Uuid():
                return UUID(key)
            case LargeBinary() | BINARY() | VARBINARY():
                return bytes.fromhex(key)
            case String() if not isinstance(id_type, Enum):
                return key
            case _:
                return None
    except ValueError:
        return None


def _bound_as(id_type: TypeEngine[Any] | None) -> TypeEngine[Any]:
    """As what a value goes to the database that `_native` made."""
    match id_type:
        case Integer():
            return BigInteger()
        case Uuid():
            return Uuid()
        case LargeBinary() | BINARY() | VARBINARY():
            return LargeBinary()
        case _:
            return String()


def _bytes(key: str) -> bytes | None:
    try:
        return bytes.fromhex(key)
    except ValueError:
        return None
