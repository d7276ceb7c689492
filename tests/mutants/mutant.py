"""A fault of the protocol, and who is to find it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Piece:
    """In this file below `src/cronfleet/` the text `good` is replaced by `bad`."""

    file: str
    good: str
    bad: str


@dataclass(frozen=True, slots=True)
class Seeds:
    """The simulator is asked: so many seeds at the most, on this store."""

    most: int = 30
    store: str = "memory"


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests are asked: those of a path, first such whose names hold what `about` says.

    `about` is an expression for pytest's `-k`. When these find nothing, the whole path is asked.
    """

    path: str
    name: str
    """What people call them."""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A model is asked: a scenario that takes the very same decision away.

    It knows nothing of the code, so it finds no mutant; it says what goes wrong without it.
    """

    name: str


Hunter: TypeAlias = Seeds | Suite | Scenario


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault, mostly of one piece; of more where one check stands behind another."""

    name: str
    pieces: tuple[Piece, ...]
    hunters: tuple[Hunter, ...]


def mutant(name: str, piece: Piece, *hunters: Hunter) -> Mutant:
    """A fault of one piece."""
    return Mutant(name, (piece,), hunters)


def memory(about: str = "") -> Suite:
    """The conformance suite on the store in memory, whose steps SQLite and PostgreSQL take too."""
    return Suite("tests/stores/test_memory.py::TestMemory", "conformance on memory", about)


def sqlite(about: str = "") -> Suite:
    return Suite("tests/stores/test_sqlite.py::TestSqlite", "conformance on SQLite", about)


def redis(about: str = "") -> Suite:
    return Suite("tests/stores/test_redis.py::TestRedis", "conformance on Redis", about)


def postgres(about: str = "") -> Suite:
    path = "tests/stores/test_postgres.py::TestPostgres"
    return Suite(path, "conformance on PostgreSQL", about)


def of_store(file: str, about: str = "") -> Suite:
    """What a store is asked beyond the suite, by a file of `tests/stores/`."""
    return Suite(f"tests/stores/{file}", "tests of the store", about)


def policies(file: str, about: str = "") -> Suite:
    return Suite(f"tests/policies/{file}", "property tests of the policies", about)


def policy(about: str = "") -> Suite:
    return Suite("tests/unit/test_policy.py", "tests of the policies", about)


def engine(file: str, about: str = "") -> Suite:
    return Suite(f"tests/unit/engine/{file}", "tests of the engine", about)


def outbox(file: str, about: str = "") -> Suite:
    return Suite(file, "tests of the outbox", about)
