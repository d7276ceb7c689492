"""The rounds: contestants take turns, so that a busy minute of the machine is busy for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measuring.report import Measure, Row

ROUNDS = 5
MOST_NAMED = 12
"""Of more contestants it is not told whose turn it is."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured. A small trial only shows that all works."""

    rounds: int = ROUNDS
    is_small: bool = False

    def size(self, whole: int, small: int) -> int:
        return small if self.is_small else whole


class UnavailableError(Exception):
    """A contestant cannot be had on this machine; the message says why."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who is measured; a round comes to figures by the names of the columns."""

    name: str
    round: Callable[[], Mapping[str, float]]
    is_ours: bool = False


def take_turns(contestants: Sequence[Contestant], rounds: int) -> list[Row]:
    """A row of each that can be had; who cannot is told of, and asked no more."""
    found = {each.name: defaultdict[str, list[float]](list) for each in contestants}
    absent: set[str] = set()
    for number in range(1, rounds + 1):
        print(f"  round {number} of {rounds}:", end="", flush=True)
        for each in contestants:
            if each.name in absent:
                continue
            if len(contestants) <= MOST_NAMED:
                print(f" {each.name};", end="", flush=True)
            try:
                for column, figure in each.round().items():
                    found[each.name][column].append(figure)
            except UnavailableError as error:
                print(f" (without it: {error})", end="", flush=True)
                absent.add(each.name)
        print(flush=True)
    return [_row(each, found[each.name]) for each in contestants if found[each.name]]


def _row(contestant: Contestant, found: Mapping[str, list[float]]) -> Row:
    measures = {column: Measure(tuple(rounds)) for column, rounds in found.items()}
    return Row(contestant.name, measures, contestant.is_ours)


def medians(rows: Sequence[Row], column: str) -> dict[str, float]:
    """Of all who have that column, by name."""
    return {row.name: figure for row in rows if (figure := row.get(column)) is not None}
