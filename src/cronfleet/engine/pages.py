"""What one attempt has logged and the store does not have yet: lines, numbered and bounded."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cronfleet.masking import with_urls_masked
from cronfleet.model import Claim, Instant
from cronfleet.store import (
    BEFORE_ALL,
    MOST_LINE_BYTES,
    MOST_LOG_BYTES,
    MOST_LOG_LINES,
    LogLine,
    LogPart,
    LogPlace,
    beyond,
)

_ROOM_FOR_LINE = 100
_ROOM_FOR_NOTE = 40
_MOST_READ = 2 * MOST_LINE_BYTES
"""So many characters of a line are searched for passwords: all that may be kept, and more."""
_MOST_LEVEL = 2**31 - 1
_AS_LOGGED = logging.Formatter()


@dataclass(slots=True)
class Page:
    """The lines of one attempt that wait to be sent."""

    claim: Claim
    lines: list[LogLine] = field(default_factory=list[LogLine])
    _bytes: int = 0
    """At least."""
    _last: int = 0
    _sent: LogPlace = BEFORE_ALL

    @property
    def room(self) -> int:
        """How many bytes it takes, nearly."""
        return self._bytes + _ROOM_FOR_LINE * len(self.lines)

    @property
    def kept(self) -> int:
        """How many lines the store has of its attempt, with those that wait, nearly."""
        return min(self._last, MOST_LOG_LINES)

    def add(self, at: Instant, level: int, text: str) -> None:
        """Write a line down. In a flood the beginning and the end are kept."""
        self._last += 1
        self.lines.append(LogLine(LogPlace(self.claim.attempt, self._last), at, level, text))
        self._bytes += len(text)
        # Cut seldom, so that a flood costs no look at all lines for each of them.
        if len(self.lines) > 2 * MOST_LOG_LINES or self._bytes > 2 * MOST_LOG_BYTES:
            gone = set(beyond([line.sized for line in self.lines], after=self._sent))
            self._keep([line for line in self.lines if line.place not in gone])

    def pass_over(self) -> None:
        """Count a line for which there is no room."""
        self._last += 1

    def part(self) -> LogPart:
        """All that waits."""
        return LogPart(self.claim.run, tuple(self.lines))

    def sent(self, part: LogPart) -> None:
        """The store has these lines."""
        self._sent = part.lines[-1].place
        self._keep([line for line in self.lines if line.place > self._sent])

    def _keep(self, lines: list[LogLine]) -> None:
        self.lines = lines
        self._bytes = sum(len(line.text) for line in lines)


def level_of(record: logging.LogRecord) -> int:
    """What is kept of its level: programs make up their own, and stores have their limits."""
    return min(max(record.levelno, logging.NOTSET), _MOST_LEVEL)


def texts_of(record: logging.LogRecord) -> Sequence[str]:
    """What is kept of a record: the lines of its message and of its traceback, without passwords."""
    return lines_of("\n".join(_said_by(record)))


def lines_of(text: str) -> Sequence[str]:
    """A text as it is kept, without passwords."""
    lines = text.replace("\0", "\N{REPLACEMENT CHARACTER}").splitlines()
    return [_cut(line) for line in lines] or [""]


def _said_by(record: logging.LogRecord) -> Iterator[str]:
    try:
        yield record.getMessage()
    except Exception:  # noqa: BLE001 - of the arguments' own code; logging tells of it
        yield f"{record.msg!r}, with arguments that cannot be written"
    if record.exc_info and record.exc_info[0]:
        yield _AS_LOGGED.formatException(record.exc_info)
    if record.stack_info:
        yield record.stack_info


def _cut(line: str) -> str:
    data = _encoded(with_urls_masked(line[:_MOST_READ]))
    unread = len(_encoded(line[_MOST_READ:]))
    if len(data) + unread <= MOST_LINE_BYTES:
        return data.decode()
    kept = data[: MOST_LINE_BYTES - _ROOM_FOR_NOTE].decode("utf-8", "ignore")
    return f"{kept} [... {len(data) + unread - len(kept.encode()):,} bytes dropped]"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
