"""The table in docs/guarantees.md, made from the code that talks to people at the start.

.venv/bin/python -m tests.docs.guarantee_table     # writes it anew
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cronfleet import Failure, Promise, Verdict
from cronfleet.promise import (
    PostgresFacts,
    RedisFacts,
    SqliteFacts,
    memory_promise,
    postgres_promise,
    redis_promise,
    sqlite_promise,
)
from cronfleet.promise.values import SOUND
from tests.docs.made import Made

PAGE = Path(__file__).parents[2] / "docs" / "guarantees.md"
MADE = Made(PAGE, "<!-- made by tests/docs/guarantee_table.py from cronfleet.promise -->\n")


@dataclass(frozen=True)
class Column:
    """A configuration: its short name for the table, and what a person calls it."""

    short: str
    name: str
    promise: Promise


def _redis(**facts: object) -> Promise:
    usual: dict[str, object] = {
        "version": "7",
        "aof": True,
        "appendfsync": "always",
        "save": "",
        "replicas": 0,
        "eviction": "noeviction",
    }
    return redis_promise(RedisFacts(**{**usual, **facts}))  # pyright: ignore[reportArgumentType] - a test names facts that exist


COLUMNS = (
    Column("SQLite", "SQLite", sqlite_promise(SqliteFacts("3", "persist", 2, "ext4"))),
    Column(
        "PostgreSQL",
        "PostgreSQL without a standby",
        postgres_promise(PostgresFacts("16", standbys=0)),
    ),
    Column(
        "... sync",
        "PostgreSQL whose standbys are all synchronous",
        postgres_promise(
            PostgresFacts("16", synchronous_standby_names="b", standbys=1, waited_for=1)
        ),
    ),
    Column(
        "... async",
        "PostgreSQL with an asynchronous standby",
        postgres_promise(PostgresFacts("16", standbys=1)),
    ),
    Column("Redis always", "Redis or Valkey, `appendfsync always`", _redis()),
    Column(
        "... everysec",
        "Redis or Valkey, `appendfsync everysec`",
        _redis(appendfsync="everysec"),
    ),
    Column(
        "... snapshots",
        "Redis or Valkey with snapshots alone",
        _redis(aof=False, save="3600 1"),
    ),
    Column("... no disk", "Redis or Valkey with nothing on disk", _redis(aof=False)),
    Column(
        "... replicas",
        "Redis or Valkey with replicas, Sentinel or Cluster",
        _redis(is_sentinel=True, replicas=2),
    ),
    Column(
        "... waited for",
        "the same with `durability=wait`",
        _redis(is_sentinel=True, replicas=2, waits=True),
    ),
    Column("memory", "memory", memory_promise()),
)


def table() -> str:
    """The whole table, what is not as with the others, and every downgrade."""
    return "\n".join(
        ["", *_matrix(), "", *_sound(), "", *_differences(), "", *_downgrades(), "", ""]
    )


def _matrix() -> Iterator[str]:
    yield "| what happens | " + " | ".join(column.short for column in COLUMNS) + " |"
    yield "|" + "---|" * (1 + len(COLUMNS))
    for failure in Failure:
        cells = (_cell(column.promise.holds[failure].verdict) for column in COLUMNS)
        yield f"| {failure.said} | " + " | ".join(cells) + " |"


def _cell(verdict: Verdict) -> str:
    return f"**{verdict.said}**" if verdict is Verdict.BROKEN else verdict.said


def _sound() -> Iterator[str]:
    yield "What each row means, where a cell says nothing else below:"
    yield ""
    for failure, held in SOUND.items():
        yield f"- **{_first_upper(failure.said)}**: {held.said}."


def _differences() -> Iterator[str]:
    yield "Where a configuration differs:"
    yield ""
    for column in COLUMNS:
        for failure, held in column.promise.holds.items():
            if held != SOUND[failure]:
                yield f"- {_first_upper(column.name)}, {failure.said} ({held.verdict.said}): {held.said}."


def _downgrades() -> Iterator[str]:
    yield "Each downgrade that is told at the start, and the setting that lifts it:"
    yield ""
    yield "| what is weaker | setting |"
    yield "|---|---|"
    for weaker, setting in sorted(all_downgrades().items()):
        yield f"| {weaker} | `{setting}` |".replace("config|get", "config\\|get")


def all_downgrades() -> Mapping[str, str]:
    """Everything that any facts can lead to."""
    promises = [column.promise for column in COLUMNS]
    promises += [_redis(appendfsync="no"), _redis(appendfsync=None), _redis(eviction="allkeys-lru")]
    promises += [redis_promise(RedisFacts(tells_scripts=False))]
    promises += [_redis(replicas=2, waits_for_some=True)]
    promises += [sqlite_promise(SqliteFacts("3", "delete", 1, ""))]
    promises += [
        postgres_promise(PostgresFacts("16", "off", fsync=False, full_page_writes=False)),
        postgres_promise(
            PostgresFacts(
                "16", "remote_write", synchronous_standby_names="b", standbys=1, waited_for=1
            )
        ),
        postgres_promise(PostgresFacts("16", synchronous_standby_names="b", standbys=2)),
        postgres_promise(PostgresFacts("16", "local", synchronous_standby_names="b")),
        postgres_promise(PostgresFacts("16", standbys=None)),
    ]
    return {each.weaker: each.setting for promise in promises for each in promise.downgrades}


def _first_upper(text: str) -> str:
    return text[0].upper() + text[1:]


if __name__ == "__main__":
    MADE.write(table())
