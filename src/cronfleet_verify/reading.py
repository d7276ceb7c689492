"""Reading the inputs: exports of cronfleet's history, and logs of effects; both JSON, one a line.

docs/verify.md describes both. What cannot be read is bad input, never passed over: but for the
last line of a log whose writer was killed in the middle of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from cronfleet_verify.lines import WHOLE, Line

VERSION = 1
"""Of the export's format."""

_RUN = re.compile(r"(.+)@([0-9]+)(?:\+([0-9]+))?(?:/([0-9]+))?", re.DOTALL)
_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_EFFECTS = frozenset({"began", "did", "ended"})
_MS = 1000


class BadInputError(Exception):
    """An input cannot be read, or says too little."""


@dataclass(slots=True)
class Export:
    """One export, as its first line has it."""

    number: int
    file: str
    fleet: str
    at: int
    tzdata: str
    audit_after: int
    """All orders later than this are in it."""
    sessions: set[str] = field(default_factory=set[str])
    """Those that were open when it began or ended."""


class Reader:
    """Reads files one after the other; see `exports` and `notes` for what was learned beside."""

    def __init__(self) -> None:
        self.exports: list[Export] = []
        self.notes: list[str] = []
        """What was not read, and why."""
        self._open: Export | None = None
        self._file = ""
        self._place = 0

    def read(self, file: str, texts: Iterable[str]) -> Iterator[Line]:
        """The lines of one file. Raises BadInputError."""
        self._file, self._open = file, None
        for self._place, text in enumerate(texts, start=1):
            if not text.strip():
                continue
            try:
                fields = self._parsed(text)
                if fields is not None:
                    yield from self._lines(fields, text.strip())
            except _UNREADABLE as error:
                raise self._bad(f"it cannot be understood: {error!r}") from None
        if self._open is not None:
            raise BadInputError(f"{file}: the export is cut short: its last line is missing")

    def _parsed(self, text: str) -> dict[str, Any] | None:
        try:
            fields: object = json.loads(text)
        except ValueError:
            if not text.endswith("\n") and self._open is None:
                self.notes.append(f"{self._file}:{self._place}: the last line is cut off")
                return None
            raise self._bad("it is no JSON") from None
        if not isinstance(fields, dict):
            raise self._bad("it is no JSON object")
        return cast("dict[str, Any]", fields)

    def _bad(self, why: str) -> BadInputError:
        return BadInputError(f"{self._file}:{self._place}: {why}")

    def _lines(self, fields: dict[str, Any], text: str) -> Iterator[Line]:
        if "effect" in fields:
            yield self._effect(fields, text)
            return
        what = fields["line"]
        if what == "header":
            self._begin(fields)
        elif self._open is None:
            raise self._bad("it belongs to an export, and no export has begun")
        elif what == "end":
            self._open = None
        elif what == "instance":
            self._open.sessions.add(str(fields["session"]))
        elif what in _HISTORY:
            yield self._history(self._open, str(what), fields, text)

    def _begin(self, fields: dict[str, Any]) -> None:
        if self._open is not None:
            raise self._bad("the export before it is cut short")
        if fields["format"] != "cronfleet-history" or fields["version"] != VERSION:
            raise self._bad(
                f"not an export of version {VERSION}: use the checker that came with it"
            )
        self._open = Export(
            number=len(self.exports) + 1,
            file=self._file,
            fleet=str(fields["fleet"]),
            at=int(fields["at"]),
            tzdata=str(fields["tzdata"]),
            audit_after=int(fields["audit_after"]),
        )
        self.exports.append(self._open)

    def _history(self, export: Export, what: str, fields: dict[str, Any], text: str) -> Line:
        for name in _NEEDED[what]:
            if not isinstance(fields[name], int | None):
                raise self._bad(f"its {name} is no number")
        if what == "run":
            job, fire_time, number, shard = run_parts(str(fields["run"]))
        else:
            job, number, shard = str(fields["job"]), 0, WHOLE
            fire_time = int(fields["first"]) if what == "gap" else 0
        return Line(
            export.fleet,
            job,
            fire_time,
            number,
            shard,
            what,
            at=export.at if what == "run" else int(fields["at"]),
            attempt=int(fields.get("attempt", 0)),
            token=int(fields.get("token", 0)),
            word=str(fields[_HISTORY[what]]),
            instance=str(fields.get("instance", "")),
            export=export.number,
            file=self._file,
            place=self._place,
            text=text,
        )

    def _effect(self, fields: dict[str, Any], text: str) -> Line:
        what = str(fields["effect"])
        if what not in _EFFECTS:
            raise self._bad(f"there is no effect {what!r}: write began, did or ended")
        job, fire_time, number, shard = _named(fields)
        return Line(
            str(fields.get("fleet", "default")),
            job,
            fire_time,
            number,
            shard,
            what,
            at=instant(fields["at"]),
            attempt=int(fields.get("attempt", 1)),
            token=int(fields.get("token", 0)),
            word=str(fields.get("key" if what == "did" else "outcome", "")),
            instance=str(fields.get("instance", "")),
            export=0,
            file=self._file,
            place=self._place,
            text=text,
        )


_HISTORY = {"run": "state", "gap": "reason", "job": "digest", "audit": "verb"}
"""The lines of an export that are kept, and where their word stands."""

_NEEDED = {
    "run": ("attempt", "token", "claimed_at", "started_at", "ended_at", "shards"),
    "gap": ("at", "first", "last", "count"),
    "job": ("at", "generation", "watermark", "since", "whole_after"),
    "audit": ("at",),
}
"""The numbers in each of them; an instant may be null."""


def _named(fields: dict[str, Any]) -> tuple[str, int, int, int]:
    """The run of an effect: by its id, or by job, fire time and shard, as far as they are told."""
    if "run" in fields:
        return run_parts(str(fields["run"]))
    fire_time = fields.get("fire_time")
    shard = fields.get("shard")
    return (
        str(fields.get("job", "")),
        -1 if fire_time is None else instant(fire_time),
        0,
        WHOLE if shard is None else int(shard),
    )


def run_parts(run: str) -> tuple[str, int, int, int]:
    """Job, fire time, number and shard of a run's id. Raises ValueError."""
    match = _RUN.fullmatch(run)
    if match is None:
        raise ValueError(f"{run!r} is not a run id: it is job@fire_time_ms")
    job, fire_time, number, shard = match.groups()
    return job, int(fire_time), int(number or 0), WHOLE if shard is None else int(shard)


def instant(value: object) -> int:
    """An instant as ms since 1970 UTC: a number of those, or ISO 8601. Raises ValueError."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(aware.timestamp() * _MS)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value)
    raise ValueError(f"{value!r} is no instant")


def texts_of(path: str) -> Iterator[str]:
    """The lines of a file, or with `-` of the standard input. Raises BadInputError."""
    try:
        with open(0 if path == "-" else path, encoding="utf-8") as file:  # noqa: PTH123 - a number
            yield from file
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: it cannot be read: {error}") from None
