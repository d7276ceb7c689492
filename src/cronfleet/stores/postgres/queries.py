"""What is sent to the server: queries by the names of their statements, in batches."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from cronfleet.stores.postgres.texts import sayable

Answer = TypeVar("Answer")

Value: TypeAlias = str | int | bool | tuple[str, ...] | None
Rows: TypeAlias = Sequence[Mapping[str, Any]]

_HOLDING = frozenset(
    {
        *("keep_session", "change_session", "end_session"),
        *("keep_fleet", "hold_fleet", "rename_fleet"),
        *("hold_jobs", "hold_runs", "hold_survey", "hold_lock"),
        *("hold_free_jobs", "hold_free_runs"),
    }
)


@dataclass(frozen=True, slots=True)
class Query:
    """A statement and its values. Two that are equal ask the same."""

    statement: str
    values: tuple[tuple[str, Value], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it takes locks: what was read before it may be old by then."""
        return self.statement in _HOLDING

    @property
    def arguments(self) -> dict[str, Any] | None:
        """The values by name, as the driver wants them and PostgreSQL can say them."""
        return {name: _sayable(value) for name, value in self.values} or None

    def value(self, name: str) -> Any:
        """One of its values."""
        return dict(self.values)[name]


def query(statement: str, **values: Value) -> Query:
    return Query(statement, tuple(values.items()))


def rows_of(values: Iterable[Mapping[str, str | int | None]]) -> str:
    """Rows for a statement that writes many, as one value: :rows."""
    rows = list(values)
    text = json.dumps(rows)
    if "\\u" not in text:  # Nearly always: nothing is beyond ASCII, and known at a glance.
        return text
    return json.dumps([{name: _sayable(value) for name, value in row.items()} for row in rows])


def _sayable(value: Value) -> Any:
    match value:
        case str():
            return sayable(value)
        case tuple():
            return [sayable(each) for each in value]
        case _:
            return value


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Names in the order in which all transactions take their locks."""
    return tuple(sorted(names))


@dataclass(frozen=True, slots=True)
class Batch:
    """Queries that are sent together and answered together, in one round trip."""

    queries: Sequence[Query]
    ends: bool = field(default=False, kw_only=True)
    """After it nothing is known for certain unless it was answered: it commits."""


Conversation: TypeAlias = Generator[Batch, Sequence[Rows], Answer]
"""What is said to the server, without I/O: it yields batches, is sent their rows, and returns."""

BEGIN = Query("begin")
BEGIN_SNAPSHOT = Query("begin_snapshot")
CLOCK = Query("clock")
COMMIT = Query("commit")
ROLLBACK = Query("rollback")


def setting_tokens(*queries: Query) -> tuple[Query, ...]:
    """Queries that set the sequence of tokens; nobody waits for their locks until the commit."""
    return (Query("mark"), *queries, Query("back_to_mark"))
