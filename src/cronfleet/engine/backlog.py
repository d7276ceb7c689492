"""How far the fleet is behind: what could run here and has been due for long."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from cronfleet.engine.choice import owed_since
from cronfleet.engine.known import KnownJob, KnownJobs, Seat
from cronfleet.engine.seats import Free
from cronfleet.engine.spells import LONGEST_APART_MS, QUIET_MS, Alarm, Spell
from cronfleet.model import Instant, JobName
from cronfleet.store import DueTick, PendingRun, Seen

log: logging.Logger = logging.getLogger(__name__)

BEHIND_MS = 5_000
"""What is due for longer than that, and for so long again, is no burst: it is too much."""

_HANDLERS = {Seat.LOOP: "coroutines", Seat.THREAD: "threads", Seat.PROCESS: "processes"}
_LEFT = (
    "this instance leaves it to others, since the fleet has newer rules for time zones: pip install "
    "--upgrade tzdata here, or start more instances that have them"
)
_REMEDY = "start more instances, or make handlers quicker"


@dataclass(frozen=True, slots=True)
class _Owed:
    """A tick or a run that is due."""

    job: KnownJob
    thing: DueTick | PendingRun
    is_left: bool
    """To others: this instance does not run it, but would if its tzdata were newer."""

    def late_ms(self, now: Instant) -> int:
        return now - owed_since(self.thing)

    def said(self, now: Instant, free: Free) -> str:
        due = f"it has been due for {self.late_ms(now) // 1_000} s, and "
        if self.is_left:
            return due + _LEFT
        if free.of(self.job) <= 0:
            return due + f"all {_HANDLERS[self.job.seat]} of this instance are taken: {_REMEDY}"
        return due + f"more is due than is started: {_REMEDY}"


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the store showed, to an instance that knows these jobs."""

    pages: Sequence[Seen]
    jobs: KnownJobs
    only_utc: bool

    @property
    def now(self) -> Instant:
        return self.pages[-1].now

    @property
    def oldest_late(self) -> _Owed | None:
        """What is left to others hides nothing that is run here."""
        late = [each for each in self._first_of_each_sort() if each.late_ms(self.now) >= BEHIND_MS]
        return min(late, key=lambda each: (each.is_left, owed_since(each.thing)), default=None)

    def _first_of_each_sort(self) -> Iterator[_Owed]:
        """The oldest comes first in all that is seen."""
        for is_left in (False, True) if self.only_utc else (False,):
            ticks = chain.from_iterable(page.due for page in self.pages)
            runs = chain.from_iterable(page.pending for page in self.pages)
            for known in (self._known(ticks), self._known(runs)):
                yield from islice((each for each in known if each.is_left is is_left), 1)

    def _known(self, things: Iterable[DueTick | PendingRun]) -> Iterator[_Owed]:
        for each in things:
            job = self.jobs.get(_name(each))
            if job is not None and job.digest == each.digest:
                yield _Owed(job, each, self.only_utc and job.plan.schedule.needs_tzdata)


class Backlog:
    """Knows when more is due than is started."""

    def __init__(self, jobs: KnownJobs) -> None:
        self._jobs = jobs
        self._late = Spell()
        self._alarm = Alarm()
        self.job: JobName = ""
        """Of which something has been due for too long; empty if nothing has."""
        self.said: str = ""
        """For how long, and why."""
        self.oldest_ms: int = 0
        """How long it has been due, when that was seen last; 0 if it is no longer than is usual."""
        self._saw_at: Instant = 0

    def says(self, now: Instant) -> str:
        """What has been due for too long, and why; empty if nothing has, or nobody looked lately."""
        is_fresh = now - self._saw_at <= LONGEST_APART_MS
        return f"{self.job}: {self.said}" if self.job and is_fresh else ""

    def saw(self, pages: Sequence[Seen], free: Free, now: Instant, *, only_utc: bool) -> bool:
        """What the store showed at `now`, by a clock that nobody sets, and the seats there were.

        `only_utc`: zoned jobs are left to others here. Answers whether it has become too much just
        now, and somebody should hear of it.
        """
        self._saw_at = now
        shown = _Shown(pages, self._jobs, only_utc)
        oldest = shown.oldest_late
        # What was not looked for could not be started: after an outage that begins anew.
        is_too_much = self._late.lasts_ms(now, is_so=oldest is not None) >= BEHIND_MS
        self.job, self.said = "", ""
        self.oldest_ms = oldest.late_ms(shown.now) if oldest else 0
        if oldest is not None and is_too_much:
            self.job, self.said = _name(oldest.thing), oldest.said(shown.now, free)
        return self._is_news(now, is_too_much=is_too_much)

    def _is_news(self, now: Instant, *, is_too_much: bool) -> bool:
        was_on = self._alarm.is_on
        rings = self._alarm.rings(now, is_bad=is_too_much)
        if was_on and not self._alarm.is_on:
            log.warning(
                "no longer overloaded: for %d s nothing was due for long", QUIET_MS // 1_000
            )
        return rings


def _name(thing: DueTick | PendingRun) -> JobName:
    return thing.job if isinstance(thing, DueTick) else thing.run.job
