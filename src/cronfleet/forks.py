"""What becomes of a scheduler when its process is forked: the parent keeps all of it.

A forked process has a copy of its parent's memory and none of its threads. What it finds there
of sessions, event loops and connections is the parent's, and to use it, or only to close it,
would harm the parent. So it begins anew, in the moment of the fork.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something that a fork leaves to the parent."""

    def begin_anew(self) -> None:
        """Be as if just made. Called in the child, which has one thread."""
        ...


class Open(Protocol):
    """A connection."""

    def fileno(self) -> int:
        """Its number in this process; raises, or is negative, when it is closed."""
        ...


_made: WeakSet[Forked] = WeakSet()
_open: WeakSet[Open] = WeakSet()
_left_to_the_parent: list[object] = []


def begins_anew_when_forked(made: Forked) -> None:
    """Have its `begin_anew` called in every process that is forked off this one."""
    _made.add(made)


def stays_with_the_parent(connection: Open) -> None:
    """Have no part in this connection in any process that is forked off this one."""
    _open.add(connection)


def leave_to_the_parent(*things: object) -> None:
    """Never touch these again, not even to tidy up: what is closed here may end over there."""
    _left_to_the_parent.extend(things)


def have_nothing_open_as(numbers: Iterable[int]) -> None:
    """In the child: have nothing in the place of what the parent has open by these numbers.

    To close them would not do: others would get the numbers, and lose them once more later.
    """
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for number in numbers:
        os.dup2(nothing, number, inheritable=False)
    os.close(nothing)


def numbers_of(connections: Iterable[Open]) -> set[int]:
    """The numbers of those that are open."""
    numbers: set[int] = set()
    for connection in connections:
        with suppress(Exception):  # Whatever its driver raises when it is closed.
            numbers.add(connection.fileno())
    return {number for number in numbers if number >= 0}


def _begin_anew() -> None:
    have_nothing_open_as(numbers_of(list(_open)))
    leave_to_the_parent(*_open)
    for made in list(_made):
        made.begin_anew()


os.register_at_fork(after_in_child=_begin_anew)
