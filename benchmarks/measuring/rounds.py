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


class FailedRoundError(Exception):
    """A contestant did not do it this time. Of a rival the round does not count; ours must."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Who is measured; a round comes to figures by the names of the columns."""

    name: str
    round: Callable[[], Mapping[str, float]]
    is_ours: bool = False


def take_turns(contestants: Sequence[Contestant], rounds: int) -> list[Row]:
    """A row of each that can be had; who cannot is told of, and asked no more.

    Raises FailedRoundError if ours did not do it.
    """
    found = [_Found(each) for each in contestants]
    tells = len(found) <= MOST_NAMED
    for number in range(1, rounds + 1):
        print(f"  round {number} of {rounds}:", end="", flush=True)
        for each in found:
            if tells and each.takes_part:
                print(f" {each.contestant.name};", end="", flush=True)
            each.take_turn()
        print(flush=True)
    return [each.row for each in found if each.figures]


class _Found:
    """What the rounds of one contestant came to so far."""

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.figures = defaultdict[str, list[float]](list)
        self.takes_part = True

    def take_turn(self) -> None:
        if not self.takes_part:
            return
        try:
            for column, figure in self.contestant.round().items():
                self.figures[column].append(figure)
        except UnavailableError as error:
            self.takes_part = False
            print(f" (without it: {error})", end="", flush=True)
        except FailedRoundError as error:
            if self.contestant.is_ours:
                raise
            print(f" (it failed: {error})", end="", flush=True)

    @property
    def row(self) -> Row:
        measures = {column: Measure(tuple(rounds)) for column, rounds in self.figures.items()}
        return Row(self.contestant.name, measures, self.contestant.is_ours)


def medians(rows: Sequence[Row], column: str) -> dict[str, float]:
    """Of all who have that column, by name."""
    return {row.name: figure for row in rows if (figure := row.get(column)) is not None}
