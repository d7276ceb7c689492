"""The SQL files beside this module: numbered migrations, and statements by name."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files

_FOLDER = files("cronfleet.stores.sqlite")


def split(script: str) -> Iterator[str]:
    """The statements of a script, each with the comment above it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""


def migrations() -> dict[int, str]:
    """The migration scripts by number, ascending: 0001_init.sql has the number 1."""
    scripts = sorted((_FOLDER / "migrations").iterdir(), key=lambda file: file.name)
    return {int(file.name[:4]): file.read_text("utf-8") for file in scripts}


def named_statements() -> dict[str, str]:
    """The statements by the name with which the comment above each begins."""
    return {
        statement.removeprefix("-- ").partition(":")[0]: statement
        for file in sorted((_FOLDER / "statements").iterdir(), key=lambda file: file.name)
        for statement in split(file.read_text("utf-8"))
    }
