"""What operators order of a store, and what it answers, as frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from cronfleet.model import Fire, Gap, Instant, RunId, RunState
from cronfleet.store.values import kept_text

KEY_KEPT_MS = 24 * 3_600_000
"""How long an idempotency key is remembered."""

MOST_BACKFILLED = 200
"""How many fire times one back-fill may name."""

MOST_BACKFILLS = 500
"""How many back-fills of a job are remembered."""

MOST_PENDING = 10_000
"""A job without a limit that has so many active runs is triggered no more."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants it, why, and the key under which it is done once (kept `KEY_KEPT_MS`)."""

    key: str
    who: str
    why: str = ""

    @property
    def by_whom(self) -> str:
        """Who wants it and why, to stand behind what was done to a run in its error text."""
        by = f" by {self.who}" if self.who else ""
        return kept_text(f"{by}{f': {self.why}' if self.why else ''}")


@dataclass(frozen=True, slots=True)
class Triggered:
    """A run was made, by this order or by an earlier one with its key."""

    run: RunId
    state: RunState
    paused: bool
    """Its job is paused: the run goes on all the same."""


@dataclass(frozen=True, slots=True)
class Backfilled:
    """What a back-fill made, in this order or in an earlier one with its key."""

    made: int
    had_run: int
    """Fire times that had run, or were about to: nothing was made of them."""
    paused: bool
    """Its job is paused: the runs go on all the same."""


def check_backfill(fire_times: Sequence[Instant]) -> None:
    """Raises ValueError when it names none, or too many for one step."""
    if not 0 < len(fire_times) <= MOST_BACKFILLED:
        raise ValueError(
            f"a back-fill has 1 to {MOST_BACKFILLED} fire times, not {len(fire_times)}"
        )


class Ordered(StrEnum):
    """What an order came to."""

    DONE = "done"
    CHANGED = "changed"
    """The job is not as it was seen: look again."""
    UNKNOWN = "unknown"
    """There is no such job, or no such run."""
    ASKED = "asked"
    """The run's holder is asked for it."""
    ENDED = "ended"
    """The run had ended before, or the pause would have."""
    MORE = "more"
    """It was done, and there is more of it to do: give the order again."""
    FULL = "full"
    """`MOST_WAITING` runs wait already, or `MOST_PENDING` are active."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where an order moves a job's ticks: what it had seen, the gap it leaves, what follows."""

    generation: int
    expected: Instant | None
    following: Fire | None
    gap: Gap | None
