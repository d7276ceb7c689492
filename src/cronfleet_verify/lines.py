"""What the checker keeps: every line that says something of a run, a gap or a job.

They lie in a database of SQLite's own, on the disk once they are many, so that a year of a large
fleet needs no more memory than a day of it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

WHOLE = -1
"""In the place of a shard's number: a run that is no shard."""


class Quote(NamedTuple):
    """A line as it stands in its file."""

    file: str
    place: int
    text: str


class Line(NamedTuple):
    """A line of an input, and where it stands. Instants are ms since 1970 UTC."""

    fleet: str
    job: str
    fire_time: int
    number: int
    shard: int
    what: str
    """`run`, `gap`, `job`, `audit` (of the history), `began`, `did`, `ended` (of the effects)."""
    at: int
    """When it happened, by the clock of who wrote it; of a `run`, when it was exported."""
    attempt: int
    token: int
    word: str
    """The state of a run, the outcome of what ended, the key of what was done, a verb."""
    instance: str
    export: int
    """The number of the export that it is part of; 0 for effects."""
    file: str
    place: int
    text: str

    @property
    def fields(self) -> dict[str, Any]:
        """All that the line says."""
        return json.loads(self.text)

    @property
    def quote(self) -> Quote:
        return Quote(self.file, self.place, self.text)

    @property
    def run(self) -> str:
        """The run's id, as people write it."""
        number = f"+{self.number}" if self.number else ""
        shard = f"/{self.shard}" if self.shard != WHOLE else ""
        return f"{self.job}@{self.fire_time}{number}{shard}"


@dataclass(slots=True)
class Story:
    """All that was said of one run that is no tick in shards, or of one shard; in order of time."""

    shard: int
    records: list[Line] = field(default_factory=list[Line])
    """What exports say of it, the last one last."""
    began: list[Line] = field(default_factory=list[Line])
    did: list[Line] = field(default_factory=list[Line])
    ended: list[Line] = field(default_factory=list[Line])

    def add(self, line: Line) -> None:
        match line.what:
            case "run":
                self.records.append(line)
            case "began":
                self.began.append(line)
            case "did":
                self.did.append(line)
            case _:
                self.ended.append(line)

    @property
    def lines(self) -> list[Line]:
        return [*self.records, *self.began, *self.did, *self.ended]


@dataclass(slots=True)
class Occasion:
    """A run, or a tick in shards with all of them: the whole comes first if it has a record."""

    fleet: str
    job: str
    fire_time: int
    number: int
    stories: list[Story]

    @property
    def is_tick(self) -> bool:
        return self.number == 0

    @property
    def lines(self) -> list[Line]:
        return [line for story in self.stories for line in story.lines]


class Busy(NamedTuple):
    """From when to when a run was at work, and the two lines that say so."""

    fleet: str
    job: str
    began: int
    ended: int
    most: int
    run: str
    first_file: str
    first_place: int
    last_file: str
    last_place: int


_COLUMNS = ", ".join(Line._fields)
_MARKS = ", ".join("?" * len(Line._fields))
_KEY = itemgetter(0, 1, 2, 3)
_STORY = "fleet, job, fire_time, number, shard, at, file, place"


class Book:
    """Lines: first all are added, then it is sealed, and then it may be asked."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # A file that goes with the connection.
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA cache_size = -65536")
        self._database.execute(f"CREATE TABLE line ({_COLUMNS})")
        self._database.execute(f"CREATE TABLE busy ({', '.join(Busy._fields)})")

    def close(self) -> None:
        self._database.close()

    def add(self, lines: Iterable[Line]) -> None:
        self._database.executemany(f"INSERT INTO line VALUES ({_MARKS})", lines)  # noqa: S608 - ours

    def seal(self) -> None:
        """Sort them, once."""
        ask = self._database.execute
        ask("ALTER TABLE line RENAME TO unsorted")
        ask(f"CREATE TABLE line AS SELECT * FROM unsorted ORDER BY {_STORY}")  # noqa: S608 - ours
        ask("DROP TABLE unsorted")
        ask("CREATE INDEX of_job ON line (fleet, job, what)")

    # --- effects that do not tell their fire times, before the book is sealed

    def untold(self) -> list[tuple[str, str]]:
        """Fleet and name of the jobs that have such effects."""
        query = "SELECT DISTINCT fleet, job FROM line WHERE fire_time < 0 AND job != ''"
        return self._database.execute(query).fetchall()

    def untold_of(self, fleet: str, job: str) -> list[tuple[int, int, str, str]]:
        """Row, instant, what and instance of these effects, by time."""
        query = (
            "SELECT rowid, at, what, instance FROM line WHERE fleet = ? AND job = ? "
            "AND fire_time < 0 AND what IN ('began', 'did', 'ended') ORDER BY at, file, place"
        )
        return self._database.execute(query, (fleet, job)).fetchall()

    def tell(self, fire_times: Sequence[tuple[int, int]]) -> None:
        """Give rows their fire times; pairs of fire time and row."""
        self._database.executemany("UPDATE line SET fire_time = ? WHERE rowid = ?", fire_times)

    def forget_untold(self) -> None:
        """What nobody knows the fire time of belongs to no run; its keys count all the same."""
        self._database.execute("UPDATE line SET job = '' WHERE fire_time < 0")

    # --- asking

    def occasions(self, fleet: str, job: str) -> Iterator[Occasion]:
        """Every run of a job with all its lines, by fire time."""
        lines = self.of_job(fleet, job, "run", "began", "did", "ended")
        for key, theirs in groupby(lines, _KEY):
            _, _, fire_time, number = key
            yield Occasion(fleet, job, fire_time, number, _stories(theirs))

    def of_job(self, fleet: str, job: str, *what: str) -> Iterator[Line]:
        """The lines of these kinds that speak of a job, by fire time, then as they came."""
        marks = ", ".join("?" * len(what))
        return self._lines(
            f"fleet = ? AND job = ? AND what IN ({marks})", "rowid", fleet, job, *what
        )

    def same(self, what: str, column: str) -> Iterator[list[Line]]:
        """The lines of one kind that have the same in a column, as far as there are several."""
        doubles = (
            f"SELECT {column} FROM line WHERE what = ? AND {column} NOT IN ('', 0) "  # noqa: S608
            f"GROUP BY fleet, {column} HAVING count(*) > 1"
        )
        where = f"what = ? AND {column} IN ({doubles})"
        by = Line._fields.index(column)
        rows = self._lines(where, f"fleet, {column}, at, file, place", what, what)
        for _, lines in groupby(rows, itemgetter(0, by)):
            yield list(lines)

    def jobs(self) -> list[tuple[str, str]]:
        """The fleet and the name of each job that is spoken of."""
        query = "SELECT DISTINCT fleet, job FROM line WHERE job != '' AND what != 'audit'"
        return self._database.execute(f"{query} ORDER BY 1, 2").fetchall()

    def logged(self) -> dict[tuple[str, str], tuple[int, int]]:
        """For each job in the effects: the first and the last instant there."""
        query = (
            "SELECT fleet, job, min(at), max(at) FROM line "
            "WHERE what IN ('began', 'did', 'ended') AND job != '' GROUP BY fleet, job"
        )
        return {(fleet, job): (a, b) for fleet, job, a, b in self._database.execute(query)}

    def counts(self) -> dict[str, int]:
        """How many lines of each kind there are."""
        return dict(self._database.execute("SELECT what, count(*) FROM line GROUP BY what"))

    def quote(self, file: str, place: int) -> Quote:
        """A line, found again."""
        query = "SELECT file, place, text FROM line WHERE file = ? AND place = ?"
        return Quote._make(self._database.execute(query, (file, place)).fetchone())

    # --- who was at work when

    def add_busy(self, rows: Iterable[Busy]) -> None:
        marks = ", ".join("?" * len(Busy._fields))
        self._database.executemany(f"INSERT INTO busy VALUES ({marks})", rows)  # noqa: S608 - ours

    def busy(self) -> Iterator[Busy]:
        """Who was at work from when to when, by job and time."""
        query = "SELECT * FROM busy ORDER BY fleet, job, began, ended"
        return map(Busy._make, self._database.execute(query))

    def _lines(self, where: str, order: str, *values: str) -> Iterator[Line]:
        query = f"SELECT {_COLUMNS} FROM line WHERE {where} ORDER BY {order}"  # noqa: S608 - ours
        return map(Line._make, self._database.execute(query, values))


def _stories(lines: Iterable[Line]) -> list[Story]:
    stories: list[Story] = []
    for line in lines:
        if not stories or stories[-1].shard != line.shard:
            stories.append(Story(line.shard))
        stories[-1].add(line)
    return stories
