"""What every part of the suite stands on."""

from __future__ import annotations

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import SessionId
from cronfleet.store import Store
from cronfleet.testing.samples import START, joined, report


class StoreTests:
    """Subclass, and override `store` with one that takes its time from `clock`."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock(START)

    @pytest.fixture
    async def store(self, clock: ManualClock) -> Store:
        raise NotImplementedError("each store's suite provides its own store")

    @pytest.fixture
    async def anna(self, store: Store) -> SessionId:
        """A session that has declared an hourly report, due at noon, which is now."""
        return await joined(store, "anna", report())

    @pytest.fixture
    async def ben(self, store: Store, anna: SessionId) -> SessionId:
        """Another that knows the same job."""
        return await joined(store, "ben", report())
