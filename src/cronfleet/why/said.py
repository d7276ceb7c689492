"""What every sentence about a tick is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cronfleet.model import AuditRecord, Instant, RunRecord
from cronfleet.why.deciding import Decided
from cronfleet.why.facts import Facts
from cronfleet.why.times import Times, utc

_LONGEST_ERROR = 200


class Said(NamedTuple):
    """What happened, and what to do about it."""

    what: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """A decision that is put into words."""

    facts: Facts
    decided: Decided
    times: Times

    @property
    def job(self) -> str:
        return self.facts.job.name

    @property
    def tick(self) -> str:
        """The time that it is about, in the schedule's zone and in UTC."""
        return self.times.full(self._instant)

    @property
    def no_run(self) -> str:
        """Of a time that is yet to come it is told beforehand."""
        return "will not run" if self._instant > self.facts.now else "did not run"

    @property
    def _instant(self) -> Instant:
        instant = self.facts.fire_time
        return self.facts.asked.instant if instant is None else instant

    def did_not_run(self, because: str, advice: str = "") -> Said:
        return Said(f"{self.job} {self.no_run} for {self.tick}: {because}", advice)

    def by(self, verb: str) -> str:
        """As in " by anna 2026-03-01 12:00 UTC (stocktaking)", of the last such order."""
        found = [each for each in self.decided.orders if each.verb == verb]
        return _by(found[-1]) if found else ""


def _by(order: AuditRecord) -> str:
    who = f" by {order.who}" if order.who else ""
    why = f" ({order.why})" if order.why else ""
    return f"{who} on {utc(order.at)}{why}"


def where(run: RunRecord) -> str:
    """As in " on host:1"."""
    return f" on {run.instance}" if run.instance else ""


def since(instant: Instant | None) -> str:
    """As in " since 2026-03-01 12:00 UTC"."""
    return "" if instant is None else f" since {utc(instant)}"


def error_of(run: RunRecord) -> str:
    """The first line of its error, as in ": no paper"."""
    first = run.error.strip().partition("\n")[0]
    return f": {first[:_LONGEST_ERROR]}" if first else ""
