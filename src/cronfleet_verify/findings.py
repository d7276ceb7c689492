"""What is wrong, and the lines that show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from cronfleet_verify.lines import Line, Quote

RULES = {
    "duplicate": "an attempt was started twice",
    "restart": "a run was started again though that was not due to it",
    "attempts": "a run had more attempts than its policy allows",
    "early": "a handler was entered before its tick was due",
    "stale": "an attempt had an effect after its token was superseded, or its run was lost",
    "overlap": "more runs of a job were at work than its policy allows",
    "gap": "a fire time has neither a run nor a gap with a reason",
    "count": "a gap does not count the fire times that it spans",
    "contradiction": "a tick was started, and lies in a gap as well",
    "off_schedule": "a tick has a fire time that its schedule does not name",
    "shards": "a tick has ended, and not all of its shards are there",
    "outcome": "a run has no outcome, though its session is gone",
    "changed": "a run that had ended has another outcome in a later export",
    "differs": "the record and the log do not say the same of a run",
    "unrecorded": "a handler was entered for a run that the store does not know so",
    "unlogged": "a run succeeded on record, and no log shows that it began",
    "token": "two attempts had one token, or a later one a lower",
    "twice": "an effect that has a key was done twice",
    "watermark": "a watermark or a generation went back",
}
"""Every rule by its name."""


class Finding(NamedTuple):
    """Something that must not be, and the smallest history that shows it."""

    rule: str
    fleet: str
    run: str
    said: str
    shown: tuple[Quote, ...]


def finding(rule: str, said: str, *lines: Line) -> Finding:
    """A finding about the run of the first line; each line is quoted once."""
    quotes = dict.fromkeys(line.quote for line in lines)
    return Finding(rule, lines[0].fleet, lines[0].run, said, tuple(quotes))


def moment(instant: int) -> str:
    """As in 2026-03-01T12:00:00.250Z."""
    try:
        text = datetime.fromtimestamp(instant / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError):
        return f"{instant} ms"
    return text.replace("+00:00", "Z").replace(".000Z", "Z")


class Findings:
    """Findings by rule: all are counted, and so many of each are kept."""

    def __init__(self, most: int, ignored: Iterable[str] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self.kept: list[Finding] = []
        self.ignored: frozenset[str] = frozenset(ignored)
        self._most = most

    def add(self, found: Iterable[Finding]) -> None:
        for each in found:
            if each.rule in self.ignored:
                continue
            self.counts[each.rule] += 1
            if self.counts[each.rule] <= self._most:
                self.kept.append(each)
