"""The schema made, and brought up to date: by all instances at once, if they start so."""

from __future__ import annotations

from collections.abc import Iterator

from cronfleet.errors import StoreRefusedError
from cronfleet.stores.postgres.queries import BEGIN, COMMIT, Batch, Conversation, Query, query
from cronfleet.stores.postgres.server import check
from cronfleet.stores.postgres.statements import migrations


def prepared(name: str, schema: str, bounds: Query) -> Conversation[None]:
    """Check the server, and migrate if there is something to migrate: else no right is needed.

    Raises StoreRefusedError if it cannot be used.
    """
    look = query("made", schema=schema)
    (about,), (made,) = yield Batch([Query("about"), look])
    check(name, about)
    if not made["has_tables"] or (yield from _version(name)) < max(migrations()):
        yield from _migrated(name, look, bounds)


def _version(name: str) -> Conversation[int]:
    ((row,),) = yield Batch([Query("version")])
    version = row["number"] or 0
    if version > max(migrations()):
        raise StoreRefusedError(
            f"the store {name} was written by a newer cronfleet (schema {version}, and this one "
            f"knows {max(migrations())}): upgrade this one"
        )
    return version


def _migrated(name: str, look: Query, bounds: Query) -> Conversation[None]:
    *_, (made,) = yield Batch([BEGIN, bounds, Query("turn"), look])
    done = (yield from _version(name)) if made["has_tables"] else 0
    missing = list(_missing(done))
    make_schema = [] if made["has_schema"] else [Query("make_schema")]
    yield Batch([*make_schema, *missing, COMMIT], ends=True)


def _missing(done: int) -> Iterator[Query]:
    for number, parts in migrations().items():
        if number > done:
            yield from map(Query, parts)
            yield query("put_version", number=number)
