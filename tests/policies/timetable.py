"""A job that fires every ten seconds, its pauses and its skipped ticks, told slowly in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

EVERY_S = 10
GRACE_S = 25
RAN, MISFIRE, PAUSED, BY_HAND = "ran", "misfire", "paused", "by_hand"


class Order(StrEnum):
    """What an operator does."""

    PAUSE = "pause"
    RESUME = "resume"
    SKIP_NEXT = "skip the next"


@dataclass(frozen=True)
class Day:
    """What happens in the seconds of a history."""

    seconds: int
    orders: Mapping[int, Sequence[Order]]
    looks: frozenset[int]
    """In these somebody looks for what is due."""
    late: Mapping[int, float] = field(default_factory=dict[int, float])
    """By how much a tick is due after its fire time."""

    def due(self, fire: int) -> float:
        return fire + self.late.get(fire, 0)


@dataclass
class Timetable:
    """What becomes of each fire time: whether it ran, or why not; or nothing yet."""

    day: Day
    fates: dict[int, str] = field(default_factory=dict[int, str])
    is_paused: bool = False

    def live(self) -> dict[int, str]:
        for now in range(1, self.day.seconds + 1):
            for order in self.day.orders.get(now, ()):
                self.order(order, now)
            if now in self.day.looks and not self.is_paused:
                self.look(now)
        return self.fates

    def open_fires(self) -> list[int]:
        """All fire times that nothing has become of, also those to come."""
        fires = range(EVERY_S, self.day.seconds + 100 * EVERY_S, EVERY_S)
        return [fire for fire in fires if fire not in self.fates]

    def due_fires(self, now: int) -> list[int]:
        return [fire for fire in self.open_fires() if self.day.due(fire) <= now]

    def order(self, order: Order, now: int) -> None:
        if order is Order.PAUSE:
            self.is_paused = True
        elif order is Order.SKIP_NEXT:
            self.fates[self.open_fires()[0]] = BY_HAND
        elif self.is_paused:
            self.is_paused = False
            self.fates |= dict.fromkeys(self.due_fires(now), PAUSED)

    def look(self, now: int) -> None:
        """The newest that is due runs, unless it comes too late; the others do not."""
        due = self.due_fires(now)
        self.fates |= dict.fromkeys(due, MISFIRE)
        if due and now - self.day.due(due[-1]) <= GRACE_S:
            self.fates[due[-1]] = RAN

    def filled(self, first: int, last: int, now: int) -> list[int]:
        """The fire times that a back-fill of this span makes runs of.

        Not those that ran, nor what the schedule may still make a tick of. While the job is paused
        that is nothing up to now.
        """
        left = [] if self.is_paused else self.open_fires()
        end = min([now, *(fire - 1 for fire in left[:1])])
        fires = range(-20 * EVERY_S, self.day.seconds + 100 * EVERY_S, EVERY_S)
        return [
            fire
            for fire in fires
            if first <= fire <= min(last, end) and self.fates.get(fire) != RAN
        ]
