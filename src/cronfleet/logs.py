"""Log lines for programs: `JsonFormatter`."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from cronfleet.masking import with_urls_masked, without
from cronfleet.run_id import RunId

_MARKS = ("job", "tick", "run", "attempt", "token")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`.

    Where it is about a run also `job`, `tick` (its fire time) and `run`, with `attempt` and
    `token` where one attempt is meant; `traceback` if there is one. Times are in UTC. All is
    ASCII, so nothing in a message can begin a line or move a cursor. Passwords in URLs become
    `***`, and so do `secrets` wherever they stand.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": _moment(round(record.created * 1000)),
            "level": record.levelname,
            "logger": record.name,
            "message": self._shown(record.getMessage()),
            **marks(record),
        }
        if record.exc_info and record.exc_info[0]:
            fields["traceback"] = self._shown(self.formatException(record.exc_info))
        return json.dumps(fields, default=str)

    def _shown(self, text: str) -> str:
        return without(self._secrets, with_urls_masked(text))


def marks(record: logging.LogRecord) -> Mapping[str, Any]:
    """What a record says of the run that it is about; empty if it is about none."""
    run = _run(record)
    if run is None:
        return {}
    found = {**record.__dict__, "job": run.job, "tick": _moment(run.fire_time), "run": str(run)}
    return {name: found[name] for name in _MARKS if name in found}


def _run(record: logging.LogRecord) -> RunId | None:
    """The run that it is marked with, or the first that its message names."""
    marked = record.__dict__.get("run")
    if isinstance(marked, str):
        try:
            return RunId.parse(marked)
        except ValueError:
            return None  # Of another library.
    named = record.args if isinstance(record.args, tuple) else ()
    return next((each for each in named if isinstance(each, RunId)), None)


def _moment(instant_ms: int) -> str:
    moment = datetime.fromtimestamp(instant_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
