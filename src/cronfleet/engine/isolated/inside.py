"""Whether this process is one that was spawned for a run: no instance works in it."""

from __future__ import annotations

from enum import Enum, auto

from cronfleet.errors import CronfleetError


class Place(Enum):
    """What this process is."""

    PROGRAM = auto()
    IMPORTING = auto()
    """Spawned for a run, and importing the program's module to find its handler."""
    CARRYING_OUT = auto()
    """Spawned for a run, and in its handler."""


class ImportedEnough(BaseException):
    """A script came to where it would start to work: its handlers are defined by now."""


_place = Place.PROGRAM


def enter(place: Place) -> None:
    """From now on this process is there."""
    global _place  # noqa: PLW0603 - a process is in one place
    _place = place


def is_spawned() -> bool:
    """Whether this process was spawned for a run."""
    return _place is not Place.PROGRAM


def refuse_to_work() -> None:
    """Return only in a program. In a spawned process nothing may join the fleet."""
    if _place is Place.IMPORTING:
        raise ImportedEnough
    if _place is Place.CARRYING_OUT:
        raise CronfleetError(
            "this process was spawned for one run, and the scheduler works in its parent: "
            "a handler may look and order with the scheduler, but not start it"
        )
