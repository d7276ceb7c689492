"""The matrix itself: no cell is empty, no operation is missing, and the page says the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cronfleet.model import TRANSITIONS, RunState
from cronfleet.store import Defining, Store
from cronfleet.testing.conformance.matrix.cells import Apart, Cell, Operation
from cronfleet.testing.conformance.matrix.conditions import RUN_IN, THING, Condition
from cronfleet.testing.conformance.matrix.tables import OPERATIONS
from cronfleet.testing.conformance.matrix.tables.runs import START

CHANGES_NOTHING = (
    "aclose audit backfills definition definitions gaps held hints instances job jobs name peek run "
    "runs"
)
TESTED_ELSEWHERE = {
    "open": "is safe to repeat: `SessionTests`",
    "renewer": "its one operation is here as `renew`",
    # Locks have a matrix of their own; faults have tables of their own.
    "lock": "`LockMatrixTests`",
    "renew_lock": "`LockMatrixTests`",
    "unlock": "`LockMatrixTests`",
    "another": "`LockTests`",
    "locker": "`LockTests`",
    "tells_all": "`LockTests`",
    "promise": "`PromiseTests`",
    "check": "`tests/stores/test_checking.py`",
    "check_fleet": "`tests/stores/test_checking.py`",
}
TABLES = {
    "claim": "claim of a tick",
    "complete": "complete as succeeded",
    "define": "define, to add a job",
}
"""Operations whose tables have longer names."""

BESIDE = {
    (RunState.WAITING, RunState.PENDING),  # promoted by the end of another run
    (RunState.WAITING, RunState.SHARDED),  # the same of a job with shards
    (RunState.WAITING, RunState.SKIPPED),  # replaced by another, or promoted too late
    (RunState.SHARDED, RunState.SUCCEEDED),  # by the end of its last shard
    (RunState.SHARDED, RunState.FAILED),
    (RunState.SHARDED, RunState.TIMED_OUT),
    (RunState.SHARDED, RunState.LOST),
}
"""Steps that no operation of the tables makes with the run that it is about."""


def missing(operations: tuple[Operation, ...]) -> list[str]:
    found: list[str] = []
    for operation in operations:
        for condition in Condition:
            try:
                operation.cell(condition)
            except LookupError as error:
                found.append(str(error))
    return found


def test_no_cell_is_empty() -> None:
    assert missing(OPERATIONS) == []


def test_an_operation_without_a_cell_is_found() -> None:
    cells = {each: cell for each, cell in START.cells.items() if each is not Condition.EXPIRED}
    assert missing((replace(START, cells=cells),)) == [
        "the matrix has no cell for 'start', 'its session has expired'"
    ]


def test_every_condition_is_about_something() -> None:
    assert set(THING) == set(Condition)


def test_every_operation_of_the_contract_has_a_table_or_says_where_it_is_tested() -> None:
    public = {name for part in (Store, Defining) for name in vars(part) if name[0] != "_"}
    named = {operation.name for operation in OPERATIONS}
    asked = {name for name in public if TABLES.get(name, name) in named}
    assert public - asked - TESTED_ELSEWHERE.keys() == set(CHANGES_NOTHING.split())
    assert TESTED_ELSEWHERE.keys() <= public


def test_names_of_operations_are_their_own() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_does_not_apply_says_why(operation: Operation) -> None:
    cells = [operation.cell(condition) for condition in Condition]
    assert [cell for cell in cells if isinstance(cell, Apart) and not cell.why] == []


def test_the_tables_make_every_step_of_a_runs_life_and_no_other() -> None:
    made = {step for operation in OPERATIONS for step in steps(operation)}
    assert made | BESIDE == TRANSITIONS


def steps(operation: Operation) -> set[tuple[RunState | None, RunState]]:
    """From where the run stood to where the table says that it stands then."""
    return {
        (before, after)
        for condition, cell in operation.applied()
        for before in [RUN_IN.get(condition, operation.run)]
        for after in states_of(cell, subjects(operation, condition, before))
        if before is not after  # A late outcome is kept beside a run that stays lost.
    }


def subjects(
    operation: Operation, condition: Condition, before: RunState | None
) -> tuple[str, ...]:
    """The names of the run that the question is about; where there is none yet, of new ones."""
    if before is None:
        return ("tick", "manual_1", "manual_2")
    if condition is Condition.RUN_WAITING:
        return ("manual_1",)
    is_of_shard = operation.shards > 1 and before is not RunState.SHARDED
    return ("tick/0",) if is_of_shard else ("tick",)


def states_of(cell: Cell, names: tuple[str, ...]) -> list[RunState]:
    words = [cell.changes[name].split()[0].strip(",") for name in names if name in cell.changes]
    return [RunState(word) for word in words if word != "gone"]
