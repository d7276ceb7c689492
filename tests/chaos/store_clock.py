"""When the store's own clock was wrong, and what the checker finds then that need not be.

Effects are stamped with the machine's time, records with the store's. A rule that holds one
against the other speaks false alarms while these differ, and for no longer. All other rules have
one clock, and are held to the usual tolerance while the store's is wrong, too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cronfleet_verify.effects import append
from cronfleet_verify.findings import Finding

AHEAD, BEHIND = "ahead", "behind"
BY_TWO_CLOCKS = {
    # A tick is due by the store's clock, and its handler begins before that by ours.
    "early": {AHEAD},
    # An export says that it was written later than it was: what it cannot know seems to be before.
    "unrecorded": {AHEAD},
    # A run is lost on record sooner than it was: what it did before that seems to be after.
    "stale": {BEHIND},
    # How long a run was at work is known by our clock, and of one that was lost by the store's.
    "overlap": {AHEAD, BEHIND},
}
"""Rules that hold effects against records, and how wrong the store's clock is to fool them."""


class Off(NamedTuple):
    """From when to when the store's time was wrong, in ms of the true time, and by how much."""

    since: int
    until: int
    off_ms: int

    @property
    def way(self) -> str:
        return AHEAD if self.off_ms > 0 else BEHIND

    def may_be_near(self, recorded: int) -> bool:
        """Whether what the store recorded under this instant may have happened in that time."""
        return self.since - abs(self.off_ms) <= recorded <= self.until + abs(self.off_ms)

    def fools(self, finding: Finding) -> bool:
        """Whether the finding is of such a kind, and an effect that shows it is of that time."""
        effects = [json.loads(quote.text) for quote in finding.shown]
        return self.way in BY_TWO_CLOCKS.get(finding.rule, ()) and any(
            self.since <= line["at"] <= self.until for line in effects if "effect" in line
        )


def off(since: int, right_again: int, off_ms: int) -> Off:
    """The store's clock was so wrong from one instant to the other.

    One that was ahead is waited for: the store goes on with the greatest time that it has seen.
    """
    return Off(since, right_again + max(0, off_ms), off_ms)


def note(file: Path, was: Off) -> None:
    append(file, json.dumps(was))


def read(file: Path) -> Sequence[Off]:
    """None where there is no such file: then nobody has touched the clock."""
    if not file.exists():
        return ()
    return [Off(*json.loads(line)) for line in file.read_text().splitlines()]
