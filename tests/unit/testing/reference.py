"""A second opinion on one job of one instance: every tick looked at, one after the other.

Nothing of cronfleet is in here. Spans are minutes after midnight, so that it can be read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

END = 2 * 24 * 60


@dataclass(frozen=True)
class Story:
    """A job that fires every so often, what its handler takes, and when its instance is off."""

    interval: int
    takes: float
    misfire: str
    grace: int
    off: Sequence[tuple[int, int]]

    def next_stop(self, minute: float) -> float:
        """When its instance stops next, with whatever is under way then."""
        return min((begin for begin, _ in self.off if begin >= minute), default=float("inf"))

    def is_off(self, minute: float) -> bool:
        return any(begin < minute < end for begin, end in self.off)


@dataclass
class Told:
    """When runs began, by fire time; and the reasons of those that did not."""

    began: dict[int, float] = field(default_factory=dict[int, float])
    skipped: dict[int, str] = field(default_factory=dict[int, str])


def told(story: Story) -> Told:
    found = Told()
    busy_until = -1.0
    moments = sorted({*range(story.interval, END + 1, story.interval), *(e for _, e in story.off)})
    due: list[int] = []
    for now in moments:
        if now % story.interval == 0:
            due.append(now)
        if story.is_off(now) or not due:
            continue
        *late, newest = due
        found.skipped |= dict.fromkeys(late, "misfire")
        due.clear()
        if now - newest > (1 if story.misfire == "skip" else story.grace):
            found.skipped[newest] = "misfire"
        elif now <= busy_until:  # A stop comes after the ticks of its minute.
            found.skipped[newest] = "overlap"
        else:
            found.began[newest] = now
            busy_until = min(now + story.takes, story.next_stop(now))
    return found
