"""How far the fleet is behind: what could run here and has been due for long."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from cronfleet.engine.choice import owed_since
from cronfleet.engine.known import KnownJob, KnownJobs, Seat
from cronfleet.engine.seats import Free
from cronfleet.model import Instant, JobName
from cronfleet.store import DueTick, PendingRun, Seen

log: logging.Logger = logging.getLogger(__name__)

BEHIND_MS = 5_000
"""What is due for longer than that, and for so long again, is no burst: it is too much."""

_HANDLERS = {Seat.LOOP: "coroutines", Seat.THREAD: "threads", Seat.PROCESS: "processes"}


class Backlog:
    """Knows when more is due than is started.

    The oldest comes first in all that is seen, so the first that is known here is looked at.
    """

    def __init__(self, jobs: KnownJobs) -> None:
        self._jobs = jobs
        self._since: Instant | None = None
        self._saw_at: Instant = 0
        self.job: JobName = ""
        """Of which something has been due for too long; empty if nothing has."""
        self.said: str = ""
        """For how long, and why."""

    def saw(self, pages: Sequence[Seen], free: Free, now: Instant) -> bool:
        """What the store showed at `now`, by a clock that nobody sets, and the seats there were.

        Answers whether it has become too much just now.
        """
        was_too_much = bool(self.job)
        oldest = min(self._oldest(pages), key=lambda each: owed_since(each[1]), default=None)
        store_now = pages[-1].now
        if oldest is None or store_now - owed_since(oldest[1]) < BEHIND_MS:
            if was_too_much:
                log.warning("no longer overloaded: nothing has been due for long")
            self._since, self.job, self.said = None, "", ""
            return False
        was_away = now - self._saw_at > BEHIND_MS  # What was not looked for could not be started.
        self._since = now if self._since is None or was_away else self._since
        self._saw_at = now
        if now - self._since >= BEHIND_MS:
            self._judge(*oldest, store_now, free)
        return bool(self.job) and not was_too_much

    def _oldest(self, pages: Sequence[Seen]) -> Iterator[tuple[KnownJob, DueTick | PendingRun]]:
        """The first tick and the first run."""
        yield from islice(self._known(chain.from_iterable(page.due for page in pages)), 1)
        yield from islice(self._known(chain.from_iterable(page.pending for page in pages)), 1)

    def _known(
        self, things: Iterable[DueTick | PendingRun]
    ) -> Iterator[tuple[KnownJob, DueTick | PendingRun]]:
        for each in things:
            job = self._jobs.get(_name(each))
            if job is not None and job.digest == each.digest:
                yield job, each

    def _judge(self, job: KnownJob, thing: DueTick | PendingRun, now: Instant, free: Free) -> None:
        late_s = (now - owed_since(thing)) // 1_000
        why = (
            f"all {_HANDLERS[job.seat]} of this instance are taken"
            if free.of(job) <= 0
            else "more is due than is started"
        )
        self.job = _name(thing)
        self.said = (
            f"it has been due for {late_s} s, and {why}: start more instances, or make handlers "
            "quicker"
        )


def _name(thing: DueTick | PendingRun) -> JobName:
    return thing.job if isinstance(thing, DueTick) else thing.run.job
