"""The policies told once more, slowly: small rules over plain values, as the design says them.

Nothing here knows the code. Times are whole numbers of any unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LOSSES_IN_A_ROW = 3
SKIP_GRACE_MS = 60_000
WORST_LAST = ("succeeded", "cancelled", "timed_out", "failed", "lost")
MAY_BE_TRIED_AGAIN = frozenset({"failed", "timed_out"})

# --- misfire: which of the due ticks run


def ticks_to_run(
    misfire: str, dues: Mapping[int, int], now: int, grace: int, most: int
) -> Sequence[int]:
    """Of due ticks, by fire time with the instant at which each was due, those that run."""
    allowed = SKIP_GRACE_MS if misfire == "skip" else grace
    young = [fire for fire in sorted(dues) if now - dues[fire] <= allowed]
    return young[-most:] if misfire == "all" else young[-1:]


# --- retry: when the next attempt may begin


def delay_of_attempt(attempt: int, first: int, factor: int, most: int) -> int:
    """How long the attempt after this one waits."""
    delay = first
    for _ in range(attempt - 1):
        delay = min(delay * factor, most)
    return min(delay, most)


@dataclass(frozen=True)
class Rules:
    """What a job's definition says of its attempts."""

    rerun: bool
    attempts: int
    first: int = 1
    factor: int = 2
    most: int = 5


@dataclass
class Life:
    """One run, from pending to its end."""

    rules: Rules
    state: str = "pending"
    attempt: int = 1
    ready_at: int = 0
    row: int = 0
    """Sessions that died with it started, since an attempt told how it ended."""
    is_asked: bool = False
    is_removed: bool = False
    poisons: bool = False

    @property
    def has_ended(self) -> bool:
        return self.state not in {"pending", "claimed", "started"}

    def can_be_claimed(self, now: int) -> bool:
        return self.state == "pending" and now >= self.ready_at

    def said(self, outcome: str, now: int) -> None:
        """Its holder tells how the attempt ended."""
        if outcome == "lost":
            self._lose(now)
            return
        self.row = 0
        has_attempts = self.attempt < self.rules.attempts
        if outcome in MAY_BE_TRIED_AGAIN and has_attempts and not self._must_end:
            rules = self.rules
            delay = delay_of_attempt(self.attempt, rules.first, rules.factor, rules.most)
            self._try_again(now + delay)
        else:
            self.state = outcome

    def swept(self, now: int) -> None:
        """Its holder is gone for good."""
        if self.state == "claimed":
            self.given_back()
        elif self.state == "started":
            self.row += 1
            self._lose(now)

    def given_back(self) -> None:
        """Nobody ran it; of a removed job nobody will."""
        self.state = "cancelled" if self.is_removed else "pending"

    def cancelled(self) -> None:
        """An operator wants no more of it."""
        if self.state == "started":
            self.is_asked = True
        elif not self.has_ended:
            self.state = "cancelled"

    def removed(self) -> None:
        """Its job is taken away."""
        self.is_removed = True
        if self.state == "pending":
            self.state = "cancelled"

    @property
    def _must_end(self) -> bool:
        return self.is_asked or self.is_removed

    def _lose(self, now: int) -> None:
        if not self.rules.rerun or self._must_end:
            self.state = "lost"
        elif self.row >= LOSSES_IN_A_ROW:
            self.state, self.poisons = "lost", True
        else:
            self._try_again(now)

    def _try_again(self, ready_at: int) -> None:
        self.state, self.attempt, self.ready_at = "pending", self.attempt + 1, ready_at


# --- shards: what becomes of their tick


def outcome_of_tick(shards: Sequence[str]) -> str | None:
    """The worst of the outcomes; None while one of them is missing."""
    if not all(shard in WORST_LAST for shard in shards):
        return None
    return max(shards, key=WORST_LAST.index)
