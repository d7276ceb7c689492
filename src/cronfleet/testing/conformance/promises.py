"""What a store says of itself to people."""

from __future__ import annotations

from cronfleet.promise import Failure, Verdict
from cronfleet.store import Store
from cronfleet.testing.conformance.base import StoreTests


class PromiseTests(StoreTests):
    async def test_a_store_says_what_it_can_promise_for_every_kind_of_failure(
        self, store: Store
    ) -> None:
        promise = await store.promise()
        assert set(promise.holds) == set(Failure)
        assert promise.configuration
        assert promise.lines[0].startswith(promise.configuration)

    async def test_a_lost_message_breaks_no_stores_promise(self, store: Store) -> None:
        assert (await store.promise()).holds[Failure.MESSAGE].verdict is Verdict.KEPT

    async def test_asking_for_the_promise_changes_nothing(self, store: Store) -> None:
        before = await store.open()
        await store.promise()
        after = await store.open()
        assert (after.id, after.epoch) == (before.id, before.epoch)
