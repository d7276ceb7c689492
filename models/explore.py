"""Breadth-first search over every state of a model: shortest traces, and what can always be reached.

A model is a set of states and the steps between them. The search meets each state once, nearest
first, so the first trace to a broken property is a shortest one. `settles` is asked of the whole
graph: from every state a settled one must be reachable by steps that are no faults.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

SETTLES = "settles"
STATES_AT_MOST = 3_500_000


class Step(NamedTuple):
    """One step: what happens, the state after it, and the properties that it breaks."""

    label: str
    state: Any
    broken: Collection[str] = ()
    is_fault: bool = False  # Progress may not depend on it.


class Model(Protocol):
    """What the search needs to know of a model. States are hashable and never change."""

    @property
    def watched(self) -> frozenset[str]: ...

    def initial(self) -> Hashable: ...

    def steps(self, state: Any) -> Iterable[Step]: ...

    def broken(self, state: Any) -> Collection[str]: ...

    def is_settled(self, state: Any) -> bool: ...


@dataclass(frozen=True, slots=True)
class Findings:
    """What a search found; `traces` has a shortest one for each broken property."""

    states: int
    is_complete: bool
    traces: dict[str, list[str]]


def explore(model: Model, limit: int = STATES_AT_MOST) -> Findings:
    """Search until all is seen, all watched properties are broken, or `limit` states are met."""
    search = _Search(model)
    search.run(limit)
    if search.is_complete and SETTLES in model.watched:
        search.find_stuck_state()
    traces = {name: search.trace(*at) for name, at in search.broken.items()}
    return Findings(len(search.states), search.is_complete, traces)


class _Search:
    def __init__(self, model: Model) -> None:
        self.model = model
        self.states = [model.initial()]
        self.number = {self.states[0]: 0}
        self.parent = array("i", [-1])
        self.sources = array("i")  # The edges that are no faults, for `settles` only.
        self.targets = array("i")
        self.broken: dict[str, tuple[int, str]] = {}  # property -> state before, label of the step
        self.is_complete = False

    def run(self, limit: int) -> None:
        done = 0
        while done < len(self.states) and len(self.states) < limit:
            self._expand(done)
            done += 1
            if len(self.broken) == len(self.model.watched):
                break
        self.is_complete = done == len(self.states)

    def _expand(self, source: int) -> None:
        number, states, model = self.number, self.states, self.model
        wants_edges = SETTLES in model.watched
        for label, state, broken, is_fault in model.steps(states[source]):
            found = broken
            target = number.get(state)
            if target is None:
                target = number[state] = len(states)
                states.append(state)
                self.parent.append(source)
                found = (*broken, *model.broken(state))
            if wants_edges and not is_fault and target != source:
                self.sources.append(source)
                self.targets.append(target)
            for name in found:
                if name in model.watched:
                    self.broken.setdefault(name, (source, label))

    def find_stuck_state(self) -> None:
        """Go back along the edges from the settled states; the first state not met is stuck."""
        first, following = self._edges_by_target()
        good = bytearray(len(self.states))
        todo = [n for n, state in enumerate(self.states) if self.model.is_settled(state)]
        for n in todo:
            good[n] = 1
        while todo:
            edge = first[todo.pop()]
            while edge >= 0:
                source = self.sources[edge]
                if not good[source]:
                    good[source] = 1
                    todo.append(source)
                edge = following[edge]
        stuck = good.find(0)
        if stuck >= 0:
            self.broken[SETTLES] = (stuck, "STUCK: no settled state can be reached any more")

    def _edges_by_target(self) -> tuple[array[int], array[int]]:
        """Linked lists of edges: the first edge into each state, and the next edge of each edge."""
        first = array("i", [-1]) * len(self.states)
        following = array("i", [-1]) * len(self.targets)
        for edge, target in enumerate(self.targets):
            following[edge] = first[target]
            first[target] = edge
        return first, following

    def trace(self, last: int, label: str) -> list[str]:
        labels = [label]
        while (before := self.parent[last]) >= 0:
            labels.append(self._label_between(before, self.states[last]))
            last = before
        return labels[::-1]

    def _label_between(self, before: int, after: Hashable) -> str:
        steps = self.model.steps(self.states[before])
        return next(step.label for step in steps if step.state == after)
