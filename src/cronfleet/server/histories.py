"""A fleet's history as listings: runs, gaps, both together, and what operators did."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from typing import TypeAlias, TypeVar

from cronfleet import AuditInfo, GapInfo, RunInfo, Scheduler
from cronfleet.run_id import RunId
from cronfleet.server.cursors import (
    PAGE,
    InvalidCursorError,
    Key,
    Listing,
    Position,
    position_of,
    read,
    words_of,
    written,
)

Row = TypeVar("Row")
Tick: TypeAlias = RunInfo | GapInfo
"""What became of one tick or a row of them, or of what was ordered by hand."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def runs_of(scheduler: Scheduler, job: str) -> Listing[RunInfo]:
    """A job's runs, the newest made first."""
    return Listing(partial(scheduler.runs, job), _run_key)


async def gaps_of(scheduler: Scheduler, job: str) -> Listing[GapInfo]:
    """A job's gaps, the newest first. The newest may grow, but begins where it began."""
    gaps = await _all(partial(scheduler.gaps, job))
    gaps.sort(key=_gap_key, reverse=True)
    return Listing(_from(gaps), _gap_key)


async def audit_of(scheduler: Scheduler) -> Listing[tuple[AuditInfo, Key]]:
    """What operators did, the newest first; of one instant they are told apart by a number."""
    entries = await _all(scheduler.audit)
    numbered: list[tuple[AuditInfo, Key]] = []
    for at, group in groupby(reversed(entries), key=lambda entry: entry.at):
        numbered += [(entry, (milliseconds(at), number)) for number, entry in enumerate(group)]
    numbered.reverse()
    return Listing(_from(numbered), lambda row: row[1])


async def page_of(
    listing: Listing[Row], after: str | None, limit: int
) -> tuple[list[Row], str | None]:
    """A page of a listing, and the cursor of the next one. Raises InvalidCursorError."""
    position = position_of(read(after)) if after else None
    rows = await listing.rows_after(position, limit + 1)
    page = rows[:limit]
    is_last = len(rows) <= limit
    return [row for row, _ in page], None if is_last else written(*words_of(page[-1][1]) or ())


async def ticks_of(
    scheduler: Scheduler, job: str, after: str | None, limit: int
) -> tuple[list[Tick], str | None]:
    """A page of a job's runs and gaps in one order, the newest first, and the next one's cursor.

    Raises UnknownJobError, InvalidCursorError.
    """
    words = read(after) if after else [None, None]
    if len(words) != 2:
        raise InvalidCursorError
    run_at, gap_at = map(position_of, words)
    runs = await runs_of(scheduler, job).rows_after(run_at, limit + 1)
    gaps = await (await gaps_of(scheduler, job)).rows_after(gap_at, limit + 1)
    merged = list(heapq.merge(runs, gaps, key=lambda placed: _made_at(placed[0]), reverse=True))
    run_at, gap_at = run_at or _above(runs), gap_at or _above(gaps)
    for tick, position in merged[:limit]:
        if isinstance(tick, RunInfo):
            run_at = position
        else:
            gap_at = position
    cursor = written(words_of(run_at), words_of(gap_at)) if len(merged) > limit else None
    return [tick for tick, _ in merged[:limit]], cursor


def _above(rows: Sequence[tuple[Tick, Position]]) -> Position | None:
    """Before the first of these, and behind what will come: none of them may be on this page."""
    return Position((*rows[0][1].key, 0), 0) if rows else None


async def _all(fetch: Callable[[int, int], Awaitable[list[Row]]]) -> list[Row]:
    """Of what is kept in a number that is bounded."""
    found: list[Row] = []
    while page := await fetch(PAGE, len(found)):
        found += page
    return found


def _from(rows: Sequence[Row]) -> Callable[[int, int], Awaitable[Sequence[Row]]]:
    async def fetch(limit: int, skip: int) -> Sequence[Row]:
        return rows[skip : skip + limit]

    return fetch


def _run_key(run: RunInfo) -> Key:
    """As the store orders them: of one instant the greatest id comes first."""
    run_id = RunId.parse(run.id)
    return (milliseconds(run.created_at), run_id.fire_time, run_id.number, run_id.shard)


def _gap_key(gap: GapInfo) -> Key:
    return (milliseconds(gap.first),)


def _made_at(tick: Tick) -> datetime:
    return tick.created_at if isinstance(tick, RunInfo) else tick.last


def milliseconds(moment: datetime) -> int:
    """Since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)
