"""SQLite: what its journal, its syncing and its file system let us promise."""

from __future__ import annotations

from dataclasses import dataclass

from cronfleet.promise.values import SOUND, Downgrade, Failure, Promise, broken

FULL = 2
"""`PRAGMA synchronous`: every commit reaches the disk before it is answered; 3 is EXTRA."""

_SAFE_JOURNALS = ("wal", "persist", "truncate")


@dataclass(frozen=True, slots=True)
class SqliteFacts:
    """A network file system is refused when the store is opened, so it is no fact here."""

    version: str
    journal: str
    synchronous: int
    file_system: str
    """Its type; empty where there is no telling."""


def sqlite_promise(facts: SqliteFacts) -> Promise:
    """What an SQLite file can promise."""
    downgrades = tuple(_downgrades(facts))
    holds = dict(SOUND)
    if facts.synchronous < FULL or facts.journal not in _SAFE_JOURNALS:
        holds[Failure.POWER] = broken("the last commits may not have reached the disk")
    journal = "a write-ahead log" if facts.journal == "wal" else f"journal_mode {facts.journal}"
    return Promise(f"SQLite {facts.version} with {journal}", holds, downgrades)


def _downgrades(facts: SqliteFacts) -> list[Downgrade]:
    found: list[Downgrade] = []
    if facts.synchronous < FULL:
        found.append(
            Downgrade(
                "when the machine loses power, the last commits may be forgotten",
                "PRAGMA synchronous = FULL",
            )
        )
    if facts.journal not in _SAFE_JOURNALS:
        found.append(
            Downgrade(
                "when the machine loses power, the last commit may be undone",
                "PRAGMA journal_mode = PERSIST",
            )
        )
    if not facts.file_system:
        found.append(
            Downgrade(
                "whether its file is on a local disk cannot be told, and on a shared one its locks "
                "cannot be trusted",
                "a path on a disk of this machine",
            )
        )
    return found
