"""Cursors: where a page ended, handed to whoever asks for the next one.

A cursor names what stood last on the page, so that what is added meanwhile moves nothing. Beside
it stands how many came before, which may be outdated and only tells where to look first: the
history of a job is read by numbers.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, cast

from cronfleet.server.problems import RefusedError

PAGE = 200
"""How many rows are read at once, and how many a page may have."""

_MOST_PASSED_OVER = 10_000_000

Key: TypeAlias = tuple[int, ...]
Row = TypeVar("Row")


class InvalidCursorError(RefusedError):
    """A cursor that no page has answered."""

    def __init__(self) -> None:
        super().__init__("after: this is no cursor; take the one that a page answered as next")


@dataclass(frozen=True, slots=True)
class Position:
    """Behind a row: its key, and how many rows came before the next one when it was read."""

    key: Key
    count: int


def written(*words: object) -> str:
    """A cursor that means these plain values."""
    text = json.dumps(words, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str) -> list[Any]:
    """The values that a cursor means. Raises InvalidCursorError."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        words: Any = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise InvalidCursorError from None
    if not isinstance(words, list):
        raise InvalidCursorError
    return cast("list[Any]", words)


def position_of(words: Any) -> Position | None:
    """A position among the values of a cursor. Raises InvalidCursorError."""
    if words is None:
        return None
    numbers = cast("list[Any]", words) if isinstance(words, list) else []
    if len(numbers) < 2 or not all(isinstance(number, int) for number in numbers):
        raise InvalidCursorError
    count, *key = numbers
    return Position(tuple(key), min(max(count, 0), _MOST_PASSED_OVER))


def words_of(position: Position | None) -> list[int] | None:
    """What `position_of` reads."""
    return position and [position.count, *position.key]


@dataclass(frozen=True, slots=True)
class Listing(Generic[Row]):
    """Rows that are read by number, the newest first, and the key by which they are ordered."""

    fetch: Callable[[int, int], Awaitable[Sequence[Row]]]
    """From how many at the most, and how many to pass over, to the rows."""
    key: Callable[[Row], Key]

    async def rows_after(self, position: Position | None, limit: int) -> list[tuple[Row, Position]]:
        """The rows behind a position, each with its own; `limit` at the most."""
        skip = await self._start(position)
        found: list[tuple[Row, Position]] = []
        while len(found) < limit and (rows := await self.fetch(PAGE, skip)):
            for row in rows:
                skip += 1
                key = self.key(row)
                # What came in between two looks moves rows down, so that they are read twice.
                if position is None or key < position.key:
                    position = Position(key, skip)
                    found.append((row, position))
        return found[:limit]

    async def _start(self, position: Position | None) -> int:
        """How many rows to pass over so that none behind the position is.

        It stands further up than it did if rows above it have been deleted. Each step is twice as
        long as the one before: a cursor that is made up costs few looks, too.
        """
        skip = max(position.count - 1, 0) if position else 0
        step = PAGE
        while position and skip:
            rows = await self.fetch(1, skip)
            if rows and self.key(rows[0]) >= position.key:
                break
            skip, step = max(skip - step, 0), 2 * step
        return skip
