"""Logs on stderr: one line a record, with its time in UTC."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import TypeAlias

from cronfleet.errors import CronfleetError
from cronfleet.server.text import one_line

_ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


class _LineFormatter(logging.Formatter):
    converter = time.gmtime
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base's name
        """Of what others wrote, nothing can begin a line or move the cursor."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - the base's name
        """An error raised on purpose has said all in its line."""
        return "" if isinstance(ei[1], CronfleetError) else super().formatException(ei)


def log_to_stderr(level: int) -> None:
    """For commands; a library leaves this to its user."""
    logging.basicConfig(level=level, handlers=[line_handler()])


def line_handler() -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LineFormatter("%(asctime)s %(levelname)s %(message)s"))
    return handler
