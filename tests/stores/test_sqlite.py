from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.stores.sqlite import SqliteStore
from cronfleet.testing.conformance import StoreConformance
from cronfleet.testing.samples import START


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store in which nothing is yet: to copy it is quicker than to make it."""
    path = tmp_path_factory.mktemp("sqlite") / "empty.db"
    asyncio.run(made(path))
    return path


async def made(path: Path) -> None:
    store = SqliteStore(path, clock=ManualClock(START))
    await store.open()
    await store.aclose()


class TestSqlite(StoreConformance):
    @pytest.fixture
    async def store(
        self, clock: ManualClock, quick_path: Path, empty: Path
    ) -> AsyncIterator[Store]:
        store = SqliteStore(shutil.copy(empty, quick_path / "cronfleet.db"), clock=clock)
        await store.open()
        yield store
        await store.aclose()
