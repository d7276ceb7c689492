"""What must hold of a job over time, and of all that was done: again a function a rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise

from cronfleet_verify.findings import Finding, finding, moment
from cronfleet_verify.lines import Book, Busy, Line, Occasion
from cronfleet_verify.rules import Facts
from cronfleet_verify.spans import Known, Span

MOST_COUNTED = 10_000
"""Up to here a gap's count is exact."""

# --- is every fire time accounted for? ----------------------------------------------------------


def gaps(book: Book, fleet: str, job: str, known: Known) -> Iterator[Finding | int]:
    """Each fire time has a run or a gap; answers findings and, per claim, how many were looked at.

    Runs and fire times both come in order, so that one pass over both is enough.
    """
    is_recorded = bool(known.seen)
    for span in known.claims:
        what = ("run", "gap") if is_recorded else ("began",)
        lines = (line for line in book.of_job(fleet, job, *what) if line.number == 0)
        yield from _span_gaps(fleet, job, span, lines)


def _span_gaps(fleet: str, job: str, span: Span, lines: Iterator[Line]) -> Iterator[Finding | int]:
    settled = _Settled(lines)
    shards = span.definition.shards
    seen = 0
    for fire_time in span.definition.schedule.fires(span.after, span.until):
        seen += 1
        missing = settled.missing(fire_time, shards)
        if missing:
            what = f"the fire time {moment(fire_time)} {missing}"
            around = [line.quote for line in settled.around]
            yield Finding("gap", fleet, f"{job}@{fire_time}", what, tuple(around))
    yield seen


class _Settled:
    """Runs and gaps in order, and how far they have been read."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._next = next(lines, None)
        self._covered = -1
        self._shards: set[int] = set()
        self._before: Line | None = None

    @property
    def around(self) -> list[Line]:
        """The line before and the line after the last fire time that was asked for."""
        return [line for line in (self._before, self._next) if line is not None]

    def missing(self, fire_time: int, shards: int) -> str:
        """What there is not of this fire time; empty if it is accounted for. Ask in order."""
        self._shards.clear()
        while self._next is not None and self._next.fire_time <= fire_time:
            line = self._before = self._next
            if line.what == "gap":
                self._covered = max(self._covered, line.fields["last"])
            elif line.fire_time == fire_time:
                self._shards.add(line.shard if line.what == "began" else -1)
            self._next = next(self._lines, None)
        if fire_time <= self._covered or -1 in self._shards:
            return ""
        if not self._shards:
            return "has neither a run nor a gap"
        absent = sorted(set(range(shards)) - self._shards)
        return f"has not begun in shard {absent[0]} of {shards}" if absent else ""


def gap_counts(book: Book, fleet: str, job: str, known: Known) -> Iterator[Finding]:
    """A gap counts its first fire time and those that follow it up to its last."""
    lines = book.of_job(fleet, job, "gap")
    for first, grown in groupby(lines, lambda line: line.fire_time):
        *_, line = grown  # It grows from export to export.
        span, fields = known.claim(first), line.fields
        if span is None or not span.holds(first, fields["last"]):
            continue
        fires = span.definition.schedule.fires(first, fields["last"])
        count = 1 + sum(1 for _ in zip(range(MOST_COUNTED), fires, strict=False))
        if count != fields["count"]:
            said = f"it says {fields['count']}, and its schedule has {count} there"
            yield finding("count", said, line)


def contradiction(run: Occasion, gaps_of_job: Iterable[Line]) -> Iterator[Finding]:
    """A tick that was started lies in no gap."""
    lines = [line for line in run.lines if line.what == "began" or line.word == "succeeded"]
    for gap in gaps_of_job if lines and run.is_tick else ():
        if gap.fire_time <= run.fire_time <= gap.fields["last"]:
            yield finding(
                "contradiction", f"it was started, and is a gap: {gap.word}", lines[0], gap
            )
            return


class Spanning:
    """The gaps of a job that may hold the next of its runs; asked in the order of fire times."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._next = next(lines, None)
        self._open: list[Line] = []

    def around(self, fire_time: int) -> list[Line]:
        while self._next is not None and self._next.fire_time <= fire_time:
            self._open.append(self._next)
            self._next = next(self._lines, None)
        if self._open:
            self._open = [line for line in self._open if line.fields["last"] >= fire_time]
        return self._open


class OnSchedule:
    """Whether ticks have fire times that their schedule names; asked in the order of fire times."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._span: Span | None = None
        self._fires: Iterator[int] = iter(())
        self._at = -1

    def check(self, run: Occasion) -> Iterator[Finding]:
        span = self._known.claim(run.fire_time) if run.is_tick else None
        if span is None:
            return
        if span is not self._span:
            self._span, self._at = span, -1
            self._fires = span.definition.schedule.fires(span.after, span.until)
        while self._at < run.fire_time:
            self._at = next(self._fires, run.fire_time + 1)
        if self._at != run.fire_time:
            said = f"its schedule does not name {moment(run.fire_time)}"
            yield finding("off_schedule", said, run.lines[0])


def watermarks(lines: Iterable[Line], mended: Iterable[Line]) -> Iterator[Finding]:
    """From export to export a job's watermark and generation never fall, unless by an order."""
    ordered = [line.at for line in mended]
    for one, two in pairwise(lines):
        was, now = one.fields, two.fields
        for what in ("watermark", "generation"):
            is_mended = any(one.at < at <= two.at for at in ordered)
            if now[what] < was[what] and not is_mended:
                said = f"its {what} was {was[what]}, and is {now[what]} later"
                yield finding("watermark", said, one, two)


# --- who was at work with whom? -----------------------------------------------------------------


def busy(run: Occasion, facts: Facts) -> Busy | None:
    """From when to when a run was at work for sure; None if nothing tells, or it needs not be known."""
    policy = facts.policy(run)
    if policy is None or policy.limit == 0:
        return None
    began = [line for story in run.stories for line in story.began]
    if began:
        return _busy_by_log(run, began, policy.limit)
    return _busy_on_record(run, policy.limit)


def _busy_by_log(run: Occasion, began: list[Line], limit: int) -> Busy:
    first = min(began, key=lambda line: line.at)
    ends = [end for story in run.stories for end in story.ended]
    newest = max(line.attempt for line in began)
    last = max((*began, *(e for e in ends if e.attempt == newest)), key=lambda line: line.at)
    until = last.at
    for story in run.stories:
        if story.records and story.records[-1].word == "lost":
            until = min(until, story.records[-1].fields["ended_at"] or until)
    return _busy(run, (first.at, max(first.at, until)), limit, first, last)


def _busy_on_record(run: Occasion, limit: int) -> Busy | None:
    records = [story.records[-1] for story in run.stories if story.records]
    fields = [record.fields for record in records]
    starts = [each["started_at"] for each in fields if each["started_at"] is not None]
    ends = [each["ended_at"] for each in fields if each["ended_at"] is not None]
    if not starts or len(ends) < len(records):
        return None
    return _busy(run, (min(starts), max(ends)), limit, records[0], records[-1])


def _busy(run: Occasion, when: tuple[int, int], limit: int, first: Line, last: Line) -> Busy:
    name = first.run.partition("/")[0]
    places = (first.file, first.place, last.file, last.place)
    return Busy(run.fleet, run.job, *when, limit, name, *places)


def overlap(book: Book, tolerance: int) -> Iterator[Finding]:
    """No more runs of a job are at work at once than its limit says."""
    at_work: list[Busy] = []
    for each in book.busy():
        if at_work and (at_work[0].fleet, at_work[0].job) != (each.fleet, each.job):
            at_work = []
        at_work = [other for other in at_work if other.ended > each.began + tolerance]
        at_work.append(each)
        if len(at_work) > each.most:
            names = ", ".join(other.run for other in at_work[:-1])
            said = f"it began at {moment(each.began)}, while {names} was at work"
            shown = [book.quote(e.last_file, e.last_place) for e in at_work[:-1]]
            shown.append(book.quote(each.first_file, each.first_place))
            yield Finding("overlap", each.fleet, each.run, said, tuple(dict.fromkeys(shown)))
            at_work.pop()  # One finding for each run that is too many.


# --- over all that was done ---------------------------------------------------------------------


def twice(book: Book) -> Iterator[Finding]:
    """An effect that has a key is done once."""
    for one, *others in book.same("did", "word"):
        for other in others:
            said = f"{one.word!r} was done at {moment(one.at)} and {moment(other.at)}"
            yield finding("twice", said, one, other)


def shared_tokens(book: Book) -> Iterator[Finding]:
    """No two runs of a fleet ever have one token."""
    for one, *others in book.same("began", "token"):
        for other in others:
            if other.run != one.run:
                yield finding(
                    "token", f"token {one.token} was also that of {other.run}", one, other
                )
