"""A table of the matrix: an operation, what it takes, and a cell for every condition."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from cronfleet.model import RunState
from cronfleet.store import Store
from cronfleet.testing.conformance.matrix.conditions import RUN_IN, THING, Condition, Thing
from cronfleet.testing.conformance.matrix.request import Request

Ask: TypeAlias = Callable[[Store, Request], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Cell:
    """What is answered, and all that changes: by its name in `pictures`, and to what."""

    answer: str
    changes: Mapping[str, str]

    def but(self, **changes: str) -> Cell:
        """The same, with other changes of some names."""
        return Cell(self.answer, {**self.changes, **changes})

    def __str__(self) -> str:
        return "; ".join([self.answer, *(f"{name} {new}" for name, new in self.changes.items())])


@dataclass(frozen=True, slots=True)
class Apart:
    """The condition does not apply to the operation, and why."""

    why: str

    def __str__(self) -> str:
        return self.why


def says(answer: str, **changes: str) -> Cell:
    """A cell: the answer, and what changes; nothing else does."""
    return Cell(answer, changes)


def moves(answer: str, **changes: str) -> dict[Condition, Cell]:
    """The cells of an operation that does the same whatever its job is."""
    conditions = (Condition.SCHEDULED, Condition.PAUSED, Condition.FINISHED)
    return dict.fromkeys(conditions, says(answer, **changes))


def runs_in(states: str, cell: Cell | Apart) -> dict[Condition, Cell | Apart]:
    """The same cell for runs in several states: `waiting pending ...`, or `ended` for five."""
    named = states.replace("ended", "succeeded failed timed_out cancelled lost").split()
    return {each: cell for each, state in RUN_IN.items() if state in named}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract, as it is asked in every cell of its table."""

    name: str
    scene: str
    """What stands before it is asked, in one sentence for people."""
    ask: Ask
    takes: frozenset[Thing]
    """What it is told or depends on; conditions about other things do not apply."""
    cells: Mapping[Condition, Cell | Apart]
    run: RunState | None = None
    """Where the tick's run stands, if there is one."""
    shards: int = 1
    """Of its job."""
    session: Condition = Condition.OPEN
    job: Condition = Condition.SCHEDULED
    later_ms: int = 1_000
    """How long after the scene it is asked."""
    undo: Ask | None = None
    """For an order: the one that takes it back."""

    def cell(self, condition: Condition) -> Cell | Apart:
        """The cell of its table. Raises LookupError where it is empty."""
        written = self.cells.get(condition)
        if written is not None:
            return written
        if condition in {self.session, self.job} or _PLAIN.get(condition, "") == self.run:
            return Apart("that is how it should be")
        if THING[condition] not in self.takes:
            return Apart(f"it takes no {THING[condition]}")
        raise LookupError(f"the matrix has no cell for {self.name!r}, {condition.value!r}")

    def applied(self) -> Iterator[tuple[Condition, Cell]]:
        """The conditions that apply, each with its cell."""
        cells = ((each, self.cells.get(each)) for each in Condition)
        return ((each, cell) for each, cell in cells if isinstance(cell, Cell))


_PLAIN = {each: state for each, state in RUN_IN.items() if each is not Condition.ASKED_TO_CANCEL}
"""What says of a run only where it stands."""


def taking(*things: Thing) -> frozenset[Thing]:
    """What an operation takes: these, and that it is called at all."""
    return frozenset((Thing.CALL, *things))
