"""Fleets on a PostgreSQL server that are used again: making one takes longer than most tests."""

from __future__ import annotations

import secrets
from typing import Any, cast

import psycopg

from cronfleet.stores.postgres.address import schema_of
from cronfleet.stores.postgres.statements import migrations, statements
from tests.postgres_servers import Postgres

_FOUND = """
    SELECT relname, relkind = 'S' FROM pg_class
    WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'S') AND relname <> 'migration'
"""


class UsedFleet:
    """A fleet that one test after the other has for itself."""

    def __init__(self, server: Postgres) -> None:
        self.name = secrets.token_hex(4)
        self._schema = schema_of(self.name)
        self._connection = psycopg.connect(server.url, autocommit=True)

    def close(self) -> None:
        self._connection.close()

    def as_new(self) -> str:
        """Its name, when all of it is again as the migrations left it. No store may be at work."""
        found = self._connection.execute(_FOUND, [self._schema]).fetchall()
        if found:
            emptied = [_begun_again(f'"{self._schema}"."{name}"', *of) for name, *of in found]
            text = "\n".join([*emptied, *self._first_rows()])
            self._connection.execute(cast("Any", text))
        return self.name

    def _first_rows(self) -> list[str]:
        """What the migrations put into their tables."""
        texts = statements(self._schema)
        made = [texts[part].decode() for parts in migrations().values() for part in parts]
        return [text for text in made if "INSERT INTO" in text]


def _begun_again(name: str, is_sequence: bool) -> str:
    # Deleted, not truncated: that makes new files, and takes as long as a new schema.
    return f"SELECT setval('{name}', 1, false);" if is_sequence else f"DELETE FROM {name};"
