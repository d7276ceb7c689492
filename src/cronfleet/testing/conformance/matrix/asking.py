"""The interpreter of the tables: sets the scene, asks, and says what came of it."""

from __future__ import annotations

from cronfleet.clock import ManualClock
from cronfleet.store import (
    Backfilled,
    Behind,
    Foreign,
    Granted,
    Skipped,
    Store,
    Triggered,
    Waiting,
)
from cronfleet.testing.conformance.matrix.cells import Cell, Operation
from cronfleet.testing.conformance.matrix.conditions import Condition
from cronfleet.testing.conformance.matrix.pictures import (
    assert_that_tokens_rise,
    changes,
    picture,
)
from cronfleet.testing.conformance.matrix.request import Request
from cronfleet.testing.conformance.matrix.scenes import Scene

WORDS: dict[type, str] = {
    Granted: "granted",
    Foreign: "foreign",
    Behind: "behind",
    Waiting: "waiting",
    type(None): "nothing",
}


async def outcome(
    store: Store, clock: ManualClock, operation: Operation, condition: Condition
) -> Cell:
    """What the store makes of it: to be compared with the cell of the table."""
    scene = Scene(store, clock, operation)
    request = await scene.question(condition)
    names = {scene.anna: "anna", scene.ben: "ben"}
    before = await picture(store, names)
    answer = await _answer(store, operation, request)
    after = await picture(store, names)
    assert_that_tokens_rise(before, after)
    return Cell(answer, changes(before, after))


async def _answer(store: Store, operation: Operation, request: Request) -> str:
    try:
        return in_words(await operation.ask(store, request))
    except ValueError:
        return "ValueError"


def in_words(answer: object) -> str:
    """An answer as the tables have it."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, Skipped):
        return f"skipped ({answer.reason})"
    if isinstance(answer, Backfilled):
        said = f"{answer.made} made, {answer.had_run} had run"
        return f"{said}, paused" if answer.paused else said
    if isinstance(answer, Triggered):
        return f"{answer.state}, paused" if answer.paused else answer.state
    return WORDS.get(type(answer)) or str(answer)
