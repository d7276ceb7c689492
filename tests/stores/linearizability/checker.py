"""Whether a concurrent history has an order in which each answer is the right one.

The search of Wing and Gong, with the memory of Lowe: a set of calls that are done and the register
that they lead to is looked at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.stores.linearizability.model import Answer, Call, Register

MOST_PLACES = 100_000
"""A search that has seen so many is given up; that is no answer."""


@dataclass(frozen=True, slots=True)
class Told:
    """A call, from when it was asked to when its answer came; never, if none came."""

    client: str
    call: Call
    answer: Answer | None
    invoked: float
    returned: float
    ended: float | None = None
    """When the store was through with it for certain, though no answer came; if that is known."""
    may_pass: bool = False
    """It may have found in another's hands what it wanted, see `passing`."""

    @property
    def over(self) -> float:
        """Until when the store may have been at it."""
        return self.returned if self.ended is None else self.ended

    @property
    def is_known(self) -> bool:
        return self.returned < math.inf

    def __str__(self) -> str:
        return f"{self.client}: {self.call} -> {self.answer if self.is_known else 'unknown'}"


@dataclass(frozen=True, slots=True)
class Violation:
    """How far the longest order came, and what does not fit there."""

    register: Register
    unfitting: tuple[Told, ...]

    def __str__(self) -> str:
        return "\n".join([f"no order fits; in {self.register} none of", *map(str, self.unfitting)])


class UndecidedError(Exception):
    """The history is too tangled for the bound."""


def violation(history: Sequence[Told], start: Register) -> Violation | None:
    """None if there is such an order. A call without an answer may have been carried out or not."""
    told = sorted(history, key=lambda each: each.invoked)
    needed = sum(1 << at for at, each in enumerate(told) if each.is_known)
    seen = {(0, start)}
    places = [(0, start)]
    furthest = (0, start)
    while places:
        done, register = places.pop()
        if done & needed == needed:
            return None
        if done.bit_count() > furthest[0].bit_count():
            furthest = (done, register)
        for at in _next(told, done):
            after = _fits(told[at], register)
            place = None if after is None else (done | 1 << at, after)
            if place is not None and place not in seen:
                seen.add(place)
                places.append(place)
        if len(seen) > MOST_PLACES:
            raise UndecidedError(f"{len(seen)} places seen, {done.bit_count()} of {len(told)} done")
    done, register = furthest
    return Violation(register, tuple(told[at] for at in _next(told, done)))


def _fits(told: Told, register: Register) -> Register | None:
    """What is then. A call without an answer that would change nothing need not be carried out."""
    if told.may_pass:
        return register
    answer, after = told.call.step(register, told.answer)
    fits = answer == told.answer if told.is_known else after != register
    return after if fits else None


def _next(told: Sequence[Told], done: int) -> Iterator[int]:
    """What may come next: nothing that was asked after the answer to another that is not done.

    The one that was answered first comes last, since the search goes on with the last.
    """
    first_return = math.inf
    found: list[int] = []
    for at, each in enumerate(told):
        if each.invoked > first_return:
            break
        if not done >> at & 1:
            found.append(at)
            first_return = min(first_return, each.returned)
    found = [at for at in found if told[at].invoked <= first_return]
    return iter(sorted(found, key=lambda at: -told[at].returned))
