"""Whether the fleet was at work for a while, told from the marks that it left. Pure.

An instance leaves no record when it goes. What is left are the runs that it carried out, and the
sessions that are still open. Labels prove nothing: a container that starts again has its old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cronfleet.model import Instant, RunRecord, RunState
from cronfleet.why.facts import Facts

_CATCHING_UP_MS = 30_000
"""What a fleet starts so shortly before a gap is recorded, it starts because it is back."""


@dataclass(frozen=True, slots=True)
class Presence:
    """Who was there from one instant to another."""

    witness: RunRecord | None = None
    """A run that was started meanwhile: the fleet was at work."""
    survivor: str = ""
    """The label of an instance that was there all the time."""
    last_seen: RunRecord | None = None
    """The last run that was started before."""


NOBODY = Presence()


def presence(facts: Facts, due: Instant, until: Instant) -> Presence:
    """Who was there from the instant at which a tick was due to that at which it was given up."""
    started = [run for run in (*facts.runs, *facts.others) if run.started_at is not None]
    back = until - min(_CATCHING_UP_MS, (until - due) // 2)
    meanwhile = [run for run in started if due <= _start(run) <= back]
    before = [run for run in started if _start(run) < due]
    return Presence(
        witness=min(meanwhile, key=_start, default=None),
        survivor=_open_since(facts, due) or _carried_through(before, until),
        last_seen=max(before, key=_start, default=None),
    )


def _open_since(facts: Facts, due: Instant) -> str:
    labels = (each.label for each in facts.instances if each.joined_at <= due)
    return next(labels, "")


def _carried_through(before: Sequence[RunRecord], until: Instant) -> str:
    """Who began a run before and ended it after. A lost one ended without its instance."""
    ended = (run for run in before if run.state is not RunState.LOST and run.attempt == 1)
    return next((run.instance for run in ended if (run.ended_at or 0) >= until), "")


def _start(run: RunRecord) -> Instant:
    return run.started_at or 0
