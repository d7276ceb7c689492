"""Logs on stderr: one line a record, for people, or for programs as JSON."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Collection
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from cronfleet.errors import CronfleetError
from cronfleet.logs import JsonFormatter, marks
from cronfleet.masking import with_urls_masked, without
from cronfleet.server.text import one_line, printable

if TYPE_CHECKING:
    from cronfleet.config import Settings

_ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class _LineFormatter(logging.Formatter):
    """Its time in UTC, and of which attempt of which run it is."""

    converter = time.gmtime
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._secrets = secrets

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        """Of what others wrote, nothing can begin a line or move the cursor."""
        return one_line(self._shown(super().formatMessage(record) + _attempt(record)))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the base's name
        """An error raised on purpose has said all in its line."""
        if isinstance(ei[1], CronfleetError):
            return ""
        return printable(self._shown(super().formatException(ei)))

    def _shown(self, text: str) -> str:
        return without(self._secrets, with_urls_masked(text))


def _attempt(record: logging.LogRecord) -> str:
    """Of which attempt it is, and of which run if its message does not name that."""
    of = marks(record)
    if "attempt" not in of:
        return ""
    run = "" if of["run"] in record.message else f"{of['run']} "
    return f" [{run}attempt {of['attempt']} token {of['token']}]"


def log_to_stderr(level: int) -> None:
    """For commands; a library leaves this to its user."""
    logging.basicConfig(level=level, handlers=[line_handler()])


def log_as_set(settings: Settings) -> None:
    """From now on in the format and from the level that LOG_FORMAT and LOG_LEVEL name."""
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler.formatter, _LineFormatter | JsonFormatter):
            handler.setFormatter(_FORMATTERS[settings.log_format](settings.secrets))
    if settings.log_level is not None:
        root.setLevel(settings.log_level.upper())


def line_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LineFormatter())
    return handler


_FORMATTERS = {"text": _LineFormatter, "json": JsonFormatter}
