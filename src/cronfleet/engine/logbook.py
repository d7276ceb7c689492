"""What handlers log, on its way to the store: about once a second, and when a handler has ended."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeAlias

from cronfleet.clock import Clock
from cronfleet.context import RUN_LOGGER
from cronfleet.engine.failing import tell_if_it_failed
from cronfleet.engine.pages import Page, level_of, lines_of, texts_of
from cronfleet.engine.runner import Ended
from cronfleet.engine.saying import traced
from cronfleet.engine.times import rest
from cronfleet.errors import StoreError
from cronfleet.model import Claim, Outcome
from cronfleet.store import LogPart, Store

log: logging.Logger = logging.getLogger(__name__)

SEND_EVERY_MS = 1_000

MOST_HELD_BYTES = 8 * 1024 * 1024
"""Of all handlers of this instance, while the store does not take them: more is only counted."""

MOST_LINES_AT_ONCE = 1_000

MOST_KEPT_AT_ONCE = 20_000
"""Lines that are kept of the runs of one call: a store looks at them all, to find what must go."""

TIMES_AT_REST = 10
"""After each sending the store has so many times as long for other things."""

LONGEST_REST_S = 30

_FAILURES = (Outcome.FAILED, Outcome.TIMED_OUT)
"""What is an attempt's own fault: one that is cancelled, or handed over, was told to end."""

_Batch: TypeAlias = list[tuple[Page, LogPart]]


class RunLogger(logging.Logger):
    """Behind `RunContext.log`: hands records to whoever keeps them, and on to the program's logging.

    What that wants goes on to it, as from any logger. From INFO up all is kept: how much a
    program prints does not say what its runs are to be asked about later.
    """

    def __init__(self, keep: Callable[[logging.LogRecord], None]) -> None:
        super().__init__(RUN_LOGGER)
        self._keep = keep
        self._program = logging.getLogger(RUN_LOGGER)

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the base's name
        is_kept = level >= logging.INFO and level > self.manager.disable
        return is_kept or self._program.isEnabledFor(level)

    def getEffectiveLevel(self) -> int:  # noqa: N802 - the base's name
        return min(logging.INFO, self._program.getEffectiveLevel())

    def handle(self, record: logging.LogRecord) -> None:
        self._keep(record)
        if self._program.isEnabledFor(record.levelno):
            self._program.handle(record)


class Logbook:
    """Collects lines from any thread, and keeps no handler waiting.

    A task sends them, and is there only while there is something to send. A store that does not
    take them loses lines: what is held is bounded, and a leap in the lines' numbers tells of it.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self.logger: logging.Logger = RunLogger(self._keep)
        self._store = store
        self._clock = clock
        self._open: dict[int, Claim] = {}
        """By their tokens, those whose handlers may log."""
        self._pages: dict[int, Page] = {}
        """Of those that have logged something."""
        self._closed: list[Page] = []
        self._gate = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sender: asyncio.Task[None] | None = None
        self._held = 0
        self._is_sending = False
        self._hurry = asyncio.Event()
        self._ends = asyncio.Event()
        self._is_refused = False

    # --- in the event loop

    def open(self, claim: Claim) -> None:
        """Its handler is about to be entered."""
        self._loop = asyncio.get_running_loop()
        self._open[claim.token] = claim

    def ended(self, claim: Claim, how: Ended) -> None:
        """Its handler has ended, or is waited for no longer: send what it logged at once.

        Each attempt that failed is kept here: a run itself tells of its last one, and of no traceback.
        """
        if how.outcome in _FAILURES:
            self._write(claim, logging.ERROR, lines_of(_told_of(claim, how)))
        page = self._pages.get(claim.token)
        if page and page.lines:
            self._hurry.set()

    def close(self, claim: Claim) -> None:
        """Nothing of its handler runs any more. What it logs all the same is not kept."""
        with self._gate:
            self._open.pop(claim.token, None)
            page = self._pages.pop(claim.token, None)
            if page and page.lines:
                self._closed.append(page)

    async def aclose(self, timeout_s: float) -> None:
        """Send what is left, as far as that takes no longer. Nothing that comes later is kept."""
        with self._gate:
            self._open.clear()  # A thread may go on that was given up: its lines have nowhere to go.
        await asyncio.sleep(0)  # A sender that is asked for already is there then.
        if self._sender is not None:
            self._ends.set()
            self._hurry.set()
            await asyncio.wait({self._sender}, timeout=timeout_s)
            self._sender.cancel()

    # --- in any thread

    def _keep(self, record: logging.LogRecord) -> None:
        claim = self._open.get(record.__dict__.get("token", 0))
        if claim is not None:
            self._write(claim, level_of(record), texts_of(record))

    def _write(self, claim: Claim, level: int, texts: Sequence[str]) -> None:
        now = self._clock.wall_ms()
        with self._gate:
            if claim.token not in self._open:
                return  # Its handler has ended meanwhile.
            page = self._pages.setdefault(claim.token, Page(claim))
            before = page.room
            for text in texts:
                if self._held < MOST_HELD_BYTES:
                    page.add(now, level, text)
                else:
                    page.pass_over()
            self._held += page.room - before
            must_begin, self._is_sending = not self._is_sending, True
        if must_begin and self._loop:
            with suppress(RuntimeError):  # The loop has ended, and this instance with it.
                self._loop.call_soon_threadsafe(self._begin)

    # --- sending

    def _begin(self) -> None:
        self._sender = asyncio.create_task(self._send(), name="cronfleet-logbook")
        self._sender.add_done_callback(tell_if_it_failed)

    async def _send(self) -> None:
        while self._has_lines():
            await rest(self._hurry, SEND_EVERY_MS)
            self._hurry.clear()
            try:
                for batch in self._batches():
                    await self._send_batch(batch)
            except StoreError as error:
                self._tell(error)

    async def _send_batch(self, batch: _Batch) -> None:
        time = asyncio.get_running_loop().time
        began = time()
        await self._store.append_logs([part for _, part in batch])
        self._sent(batch)
        rest_s = min(TIMES_AT_REST * (time() - began), LONGEST_REST_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ends.wait(), rest_s)

    def _has_lines(self) -> bool:
        with self._gate:
            self._is_sending = any(page.lines for page in self._all())
            return self._is_sending

    def _batches(self) -> list[_Batch]:
        """All that waits now. What is logged meanwhile comes later: else this might never end."""
        batches: list[_Batch] = [[]]
        lines = kept = 0
        with self._gate:
            for page in self._all():
                if lines >= MOST_LINES_AT_ONCE or kept >= MOST_KEPT_AT_ONCE:
                    batches.append([])
                    lines = kept = 0
                if page.lines:
                    batches[-1].append((page, page.part()))
                    lines += len(page.lines)
                    kept += page.kept
        return [batch for batch in batches if batch]

    def _sent(self, batch: _Batch) -> None:
        self._is_refused = False
        with self._gate:
            for page, part in batch:
                page.sent(part)
            self._closed = [page for page in self._closed if page.lines]
            self._held = sum(page.room for page in self._all())

    def _all(self) -> Iterator[Page]:
        yield from self._closed
        yield from self._pages.values()

    def _tell(self, error: StoreError) -> None:
        if not self._is_refused:
            log.warning("what handlers log is not kept until the store takes it: %s", error)
        self._is_refused = True


def _told_of(claim: Claim, how: Ended) -> str:
    """What becomes of an attempt that failed, with its traceback below."""
    head = f"attempt {claim.attempt} {how.outcome} after {how.duration_s:.1f} s"
    if how.retry_in_ms is not None:
        head += f", the next one in {how.retry_in_ms / 1000:.1f} s"
    said = f"{head}: {how.error}" if how.error else head
    return "\n".join(filter(None, (said, traced(how.raised))))
