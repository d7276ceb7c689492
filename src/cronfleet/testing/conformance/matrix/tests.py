"""Every cell of the matrix, asked of a store."""

from __future__ import annotations

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.conformance.matrix.asking import outcome
from cronfleet.testing.conformance.matrix.cells import Cell, Operation
from cronfleet.testing.conformance.matrix.conditions import RUN_IN, Condition, Thing
from cronfleet.testing.conformance.matrix.pictures import changes, picture
from cronfleet.testing.conformance.matrix.scenes import Scene
from cronfleet.testing.conformance.matrix.tables import OPERATIONS

APPLIED = [
    pytest.param(operation, condition, cell, id=f"{operation.name}-{condition.name.lower()}")
    for operation in OPERATIONS
    for condition, cell in operation.applied()
]
FENCED = [operation for operation in OPERATIONS if Thing.TOKEN in operation.takes]


class MatrixTests(StoreTests):
    @pytest.mark.parametrize(("operation", "condition", "cell"), APPLIED)
    async def test_a_store_answers_and_changes_what_the_table_says_and_nothing_else(
        self,
        store: Store,
        clock: ManualClock,
        operation: Operation,
        condition: Condition,
        cell: Cell,
    ) -> None:
        seen = await outcome(store, clock, operation, condition)
        assert seen == cell, f"the table says: {cell}\nand the store did: {seen}"

    @pytest.mark.parametrize("operation", FENCED, ids=lambda operation: operation.name)
    @pytest.mark.parametrize("condition", RUN_IN)
    async def test_a_stale_token_changes_nothing_wherever_the_run_stands(
        self, store: Store, clock: ManualClock, operation: Operation, condition: Condition
    ) -> None:
        scene = Scene(store, clock, operation)
        request = (await scene.question(condition)).under(Condition.STALE_TOKEN)
        before = await picture(store, {})
        await operation.ask(store, request)
        assert changes(before, await picture(store, {})) == {}
