from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.stores.sqlite import SqliteStore
from cronfleet.testing.conformance import StoreConformance


class TestSqlite(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqliteStore(tmp_path / "cronfleet.db", clock=clock)
        await store.open()
        yield store
        await store.aclose()
