"""For which spans of time anything can be claimed of a job.

An export tells how a job stood at one moment. That its definition held before that is known only
where its generation says that nothing but operators' orders, which are on record, changed it; and
that a tick without a record has none only where no record had been deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from cronfleet_verify.definitions import ALWAYS, Definition, Given, from_export
from cronfleet_verify.lines import Line
from cronfleet_verify.reading import Export

RAISING = frozenset({"pause", "resume", "skip_next"})
"""The orders that raise a job's generation, by one each."""


class Span(NamedTuple):
    """A definition that was in force in after < t <= until."""

    after: int
    until: int
    definition: Definition

    def holds(self, first: int, last: int) -> bool:
        return self.after < first and last <= self.until


@dataclass(frozen=True, slots=True)
class Seen:
    """A job as an export shows it."""

    at: int
    export: int
    generation: int
    digest: str
    watermark: int
    since: int
    whole_after: int
    definition: Definition | None

    @classmethod
    def of(cls, line: Line) -> Seen:
        raw = line.fields
        return cls(
            line.at,
            line.export,
            int(raw["generation"]),
            line.word,
            int(raw["watermark"]),
            int(raw["since"]),
            int(raw["whole_after"]),
            _definition(raw.get("definition")),
        )

    def is_whole_at(self, fire_time: int) -> bool:
        """Whether a tick of that time, if there was one, has a record in its export."""
        return self.since <= fire_time <= self.watermark and fire_time > self.whole_after


def _definition(raw: dict[str, Any] | None) -> Definition | None:
    try:
        return None if raw is None else from_export(raw)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # Of a newer version.


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a job before its runs are looked at."""

    seen: Sequence[Seen] = ()
    """Export by export."""
    policies: Sequence[Span] = ()
    """Where its definition is known."""
    claims: Sequence[Span] = ()
    """Where each fire time must be accounted for as well. They do not overlap."""
    notes: Sequence[str] = field(default_factory=list[str])
    """What cannot be checked, and why."""

    def policy(self, first: int, last: int) -> Definition | None:
        """The definition that was in force all the time between two instants, if one is known."""
        span = self.span(first, last)
        return None if span is None else span.definition

    def span(self, first: int, last: int) -> Span | None:
        """Where that is known."""
        return next((span for span in self.policies if span.holds(first, last)), None)

    def claim(self, fire_time: int) -> Span | None:
        """The claim that a fire time lies in."""
        return next((span for span in self.claims if span.holds(fire_time, fire_time)), None)


def known(
    lines: Sequence[Line], audits: Sequence[Line], exports: Sequence[Export], given: Given | None
) -> Known:
    """What exports and the word of a person tell of a job."""
    seen = [Seen.of(line) for line in lines]
    if given is not None:
        return _by_hand(seen, given)
    if not seen:
        return Known(notes=["there is no schedule: no export has it, and --schedules does not"])
    if seen[-1].definition is None:
        return Known(seen, notes=["its schedule is of a kind that this checker does not know"])
    policies, claims = _from_exports(seen, audits, exports[0].audit_after)
    notes: list[str] = []
    if not claims and policies and 0 <= seen[-1].watermark <= policies[-1].after:
        notes.append("since when its schedule was in force is not known; see --schedules")
    if seen[0].whole_after >= seen[0].since >= 0:
        notes.append("records of its oldest ticks had been deleted before they were exported")
    return Known(seen, policies, claims, notes + _holes(seen))


def _by_hand(seen: Sequence[Seen], given: Given) -> Known:
    span = Span(given.after, given.until, given.definition)
    if seen:
        recorded = [_claim(each, given.after, given.definition) for each in seen]
        claims = [Span(a, min(b, given.until), d) for a, b, d in recorded]
        return Known(seen, [span], _merged(claims), _holes(seen))
    if abs(given.after) == ALWAYS or given.until == ALWAYS:
        return Known((), [span], notes=["--schedules does not say `from` and `until`: no gaps"])
    return Known((), [span], [span])


def _holes(seen: Sequence[Seen]) -> list[str]:
    """What to say if records were deleted that no export has."""
    has_one = any(
        0 <= now.since <= now.whole_after > before.watermark for before, now in pairwise(seen)
    )
    return ["records of some of its ticks were deleted between two exports"] if has_one else []


def _claim(seen: Seen, after: int, definition: Definition) -> Span:
    """Where an export accounts for each fire time; empty if it never does."""
    since = seen.since if seen.since >= 0 else ALWAYS
    return Span(max(after, seen.whole_after, since - 1), seen.watermark, definition)


def _from_exports(
    seen: Sequence[Seen], audits: Sequence[Line], audit_after: int
) -> tuple[list[Span], list[Span]]:
    policies: list[Span] = []
    claims: list[Span] = []
    after, before = 0, None
    for each in seen:
        if before is None or not _is_unchanged(before, each, audits):
            after = -ALWAYS if _is_first(each, audits, audit_after) else each.at
        if each.definition is not None:
            policies.append(Span(after, each.at, each.definition))
            claims.append(_claim(each, after, each.definition))
        before = each
    return policies, _merged(claims)


def _is_unchanged(before: Seen, now: Seen, audits: Sequence[Line]) -> bool:
    ordered = sum(before.at < line.at <= now.at for line in audits)
    return before.digest == now.digest and now.generation - before.generation <= ordered


def _is_first(seen: Seen, audits: Sequence[Line], audit_after: int) -> bool:
    """Whether it is the only definition that the job ever had."""
    ordered = sum(line.at <= seen.at for line in audits)
    return seen.generation - 1 == ordered and audit_after < 0


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Spans that do not overlap: of those with one definition that meet, one."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        if last and last.definition == span.definition and span.after <= last.until:
            found[-1] = last._replace(until=max(last.until, span.until))
        elif last:
            found.append(span._replace(after=max(span.after, last.until)))
        else:
            found.append(span)
    return [span for span in found if span.after < span.until]
