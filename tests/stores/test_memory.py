from __future__ import annotations

import pytest

from cronfleet.clock import ManualClock
from cronfleet.store import Store
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing.conformance import StoreConformance
from cronfleet.testing.conformance.races import race
from cronfleet.testing.samples import START


class TestMemory(StoreConformance):
    @pytest.fixture
    async def store(self, clock: ManualClock) -> Store:
        return MemoryStore(clock)


async def test_fifty_claimers_of_one_tick_over_a_thousand_rounds_make_a_thousand_claims() -> None:
    grants = await race([MemoryStore(ManualClock(START))], rounds=1_000)
    assert (len(grants), set(grants.values())) == (1_000, {1})
