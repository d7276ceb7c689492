"""The check: reads all inputs, asks every rule, and tells what was looked at and what was not."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from cronfleet_verify import job_rules
from cronfleet_verify.definitions import ALWAYS, Given
from cronfleet_verify.findings import Findings
from cronfleet_verify.fires import tzdata_version
from cronfleet_verify.lines import Book, Busy, Line
from cronfleet_verify.reading import BadInputError, Reader
from cronfleet_verify.rules import OF_A_RUN, Facts
from cronfleet_verify.spans import RAISING, Known, known

_AT_ONCE = 1000
_LONGEST_INTERVAL = 400 * 86_400_000

Source = tuple[str, Iterable[str]]
"""A file's name and its lines."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a person decides. Spans are in ms."""

    given: Mapping[tuple[str, str], Given] = field(default_factory=dict[tuple[str, str], Given])
    tolerance: int = 1000
    ttl: int = 0
    ignored: Sequence[str] = ()
    most: int = 20
    """How many findings of a rule are shown."""


@dataclass(slots=True)
class Verdict:
    """What came of it."""

    findings: Findings
    counts: dict[str, int]
    """What was looked at."""
    unchecked: dict[str, list[str]]
    """Why something could not be checked, and of which jobs; of none where it is of all."""

    @property
    def is_clean(self) -> bool:
        return not self.findings.counts


def check(sources: Iterable[Source], options: Options) -> Verdict:
    """Check all that these files say. Raises BadInputError."""
    book, reader = Book(), Reader()
    try:
        for file, texts in sources:
            _read(book, reader, file, texts)
        untold = _tell_fire_times(book, options)
        book.seal()
        return _Check(book, reader, options, untold).verdict()
    finally:
        book.close()


def _read(book: Book, reader: Reader, file: str, texts: Iterable[str]) -> None:
    try:
        book.add(reader.read(file, texts))
    except (OverflowError, UnicodeEncodeError) as error:
        raise BadInputError(f"{file}: a number or a text in it cannot be: {error}") from None
    except sqlite3.Error as error:
        raise BadInputError(f"{file}: no room to sort it: {error}") from None


def _tell_fire_times(book: Book, options: Options) -> list[str]:
    """An effect that does not tell its fire time has the last one before it began.

    Answers the jobs without a schedule: what they do not tell nobody knows.
    """
    unknown: list[str] = []
    for fleet, job in book.untold():
        given = options.given.get((fleet, job))
        if given is None:
            unknown.append(job)
        else:
            book.tell(_fire_times_of(book.untold_of(fleet, job), given, options.tolerance))
    book.forget_untold()
    return unknown


def _fire_times_of(
    rows: Sequence[tuple[int, int, str, str]], given: Given, tolerance: int
) -> list[tuple[int, int]]:
    """Fire time and row of each.

    One that began before the first of all has that one, unless nothing is said of the time before.
    """
    first, last = rows[0][1] - _LONGEST_INTERVAL, rows[-1][1] + _LONGEST_INTERVAL
    fires = given.definition.schedule.fires(max(first, given.after), last)
    following = next(fires, None)
    newest = following if given.after == -ALWAYS else None
    at_work: dict[str, int | None] = {}
    told: list[tuple[int, int]] = []
    for row, at, what, instance in rows:
        while following is not None and following <= at + tolerance:
            newest, following = following, next(fires, None)
        if what == "began":
            at_work[instance] = newest
        fire_time = at_work.get(instance, newest)
        if fire_time is not None:
            told.append((fire_time, row))
    return told


class _Check:
    def __init__(self, book: Book, reader: Reader, options: Options, untold: Sequence[str]) -> None:
        self._book = book
        self._reader = reader
        self._options = options
        self._findings = Findings(options.most, options.ignored)
        self._unchecked: dict[str, list[str]] = defaultdict(list)
        if untold:
            note = "its effects do not tell their fire times, and --schedules does not have it"
            self._unchecked[note] += untold
        self._jobs = sorted({*book.jobs(), *options.given})
        """A job that no line speaks of has never run: that is to be found, too."""
        self._logged = book.logged()
        self._fire_times = self._runs = self._judged = 0

    def verdict(self) -> Verdict:
        for fleet, job in self._jobs:
            self._job(fleet, job)
        self._findings.add(job_rules.overlap(self._book, self._options.tolerance))
        self._findings.add(job_rules.twice(self._book))
        self._findings.add(job_rules.shared_tokens(self._book))
        self._general_notes()
        return Verdict(self._findings, self._counted(), dict(self._unchecked))

    # --- job by job

    def _job(self, fleet: str, job: str) -> None:
        seen = sorted(self._book.of_job(fleet, job, "job"), key=attrgetter("at"))
        orders = _once(
            (*self._book.of_job(fleet, job, "audit"), *self._book.of_job(fleet, "", "audit"))
        )
        known = self._known(fleet, job, seen, orders)
        self._every_fire_time(fleet, job, known)
        self._findings.add(job_rules.gap_counts(self._book, fleet, job, known))
        mended = [line for line in orders if line.word in {"repair", "adopt"}]
        self._findings.add(job_rules.watermarks(seen, mended))
        self._every_run(fleet, job, known)

    def _known(self, fleet: str, job: str, seen: Sequence[Line], orders: Sequence[Line]) -> Known:
        raising = [line for line in orders if line.word in RAISING]
        exports = [each for each in self._reader.exports if each.fleet == fleet]
        found = known(seen, raising, exports, self._options.given.get((fleet, job)))
        for note in found.notes:
            self._unchecked[note].append(job)
        return found

    def _every_fire_time(self, fleet: str, job: str, known: Known) -> None:
        for found in job_rules.gaps(self._book, fleet, job, known):
            if isinstance(found, int):
                self._fire_times += found
            else:
                self._findings.add([found])

    # --- run by run

    def _every_run(self, fleet: str, job: str, known: Known) -> None:
        facts = Facts(
            known,
            self._options.tolerance,
            self._options.ttl,
            self._reader.exports,
            self._logged.get((fleet, job)),
        )
        on_schedule = job_rules.OnSchedule(known)
        spanning = job_rules.Spanning(self._book.of_job(fleet, job, "gap"))
        at_work: list[Busy] = []
        for run in self._book.occasions(fleet, job):
            self._runs += 1
            self._judged += facts.policy(run) is not None
            for rule in OF_A_RUN:
                self._findings.add(rule(run, facts))
            self._findings.add(on_schedule.check(run))
            self._findings.add(job_rules.contradiction(run, spanning.around(run.fire_time)))
            at_work += filter(None, [job_rules.busy(run, facts)])
            if len(at_work) >= _AT_ONCE:
                self._book.add_busy(at_work)
                at_work.clear()
        self._book.add_busy(at_work)

    # --- what to say

    def _counted(self) -> dict[str, int]:
        lines = self._book.counts()
        return {
            "exports": len(self._reader.exports),
            "jobs": len(self._jobs),
            "fire times": self._fire_times,
            "runs": self._runs,
            "runs whose policy is known": self._judged,
            "gaps": lines.get("gap", 0),
            "attempts begun": lines.get("began", 0),
            "effects": lines.get("did", 0),
        }

    def _general_notes(self) -> None:
        for note in self._reader.notes:
            self._unchecked[note] = []
        if not self._logged:
            self._unchecked["there is no log of effects: only what the store says is checked"] = []
        elif not self._options.ttl:
            note = "how soon a lost run was started again: --session-ttl was not given"
            self._unchecked[note] = []
        ours = tzdata_version()
        for theirs in sorted({each.tzdata for each in self._reader.exports} - {ours}):
            note = f"zone rules are those of {ours} here, and {theirs} in an export"
            self._unchecked[note] = []
        if self._options.ignored:
            self._unchecked[f"ignored as told: {', '.join(self._options.ignored)}"] = []


def _once(lines: Iterable[Line]) -> list[Line]:
    """Orders as they were given, though several exports tell of each."""
    return list({(line.at, line.word, line.job): line for line in lines}.values())
