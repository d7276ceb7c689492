"""Hints: not needed for safety, but whoever listens in this process is told."""

from __future__ import annotations

import asyncio

import pytest

from cronfleet.model import SessionId
from cronfleet.store import DUE, Store
from cronfleet.testing.conformance.base import StoreTests
from cronfleet.testing.samples import granted, order, tick

SOON_S = 5.0
"""A hint that takes longer than this does not come."""


class HintTests(StoreTests):
    @pytest.mark.usefixtures("anna")
    async def test_a_trigger_is_hinted_at(self, store: Store) -> None:
        hints = store.hints(DUE)
        await store.trigger("report", order())
        await asyncio.wait_for(hints.next(), SOON_S)
        hints.close()

    async def test_a_released_run_is_hinted_at(self, store: Store, anna: SessionId) -> None:
        claim = await granted(store, anna, tick())
        hints = store.hints(DUE)
        await store.release([claim])
        await asyncio.wait_for(hints.next(), SOON_S)
        hints.close()

    @pytest.mark.usefixtures("anna")
    async def test_a_hint_that_came_before_the_wait_is_not_missed(self, store: Store) -> None:
        hints = store.hints(DUE)
        await store.trigger("report", order())
        await store.runs("report")
        await asyncio.wait_for(hints.next(), SOON_S)
        hints.close()
