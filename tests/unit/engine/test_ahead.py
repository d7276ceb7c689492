"""Jobs that stand still since the store's clock was ahead are told of, however many there are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cronfleet.engine import ahead
from cronfleet.engine.ahead import BETWEEN_PAGES_S, tell_of_jobs_ahead
from cronfleet.model import JobName, JobRecord
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.rig import Rig, job
from tests.virtual_time import virtual_loop

HOUR_MS = 3_600_000
NAMES = [f"job-{n}" for n in range(6)]
AHEAD = {"job-1", "job-3"}
OURS = set(NAMES) - {"job-3"}


class Counting(MemoryStore):
    """How often its jobs were read, and in what way."""

    pages = single = 0

    async def job(self, name: JobName) -> JobRecord | None:
        self.single += 1
        return await super().job(name)

    async def jobs(self, limit: int = 200, after: JobName = "") -> list[JobRecord]:
        self.pages += 1
        return await super().jobs(limit, after)


@pytest.fixture
async def store(rig: Rig) -> Counting:
    """Two of its six jobs have run while its clock was an hour ahead."""
    store = Counting(rig.clock)
    at = rig.clock.wall_ms()
    rig.store._records = store._records
    session = await rig.stranger()
    jobs = [job(rig.handlers.quick, name).declaration(at) for name in NAMES]
    await store.sync_jobs(session, "app", jobs)
    for name in AHEAD:
        record = store._records.job(name)
        assert record is not None
        store._records.put_job(replace(record, watermark=at + HOUR_MS))
    return store


def told(caplog: pytest.LogCaptureFixture) -> set[JobName]:
    said = "job {}: the store's clock was ahead"
    return {name for name in NAMES if said.format(name) in caplog.text}


async def test_few_jobs_are_read_by_name_however_many_there_are_beside_them(
    store: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    await tell_of_jobs_ahead(store, {*OURS, "never-stored"})
    assert told(caplog) == {"job-1"}
    assert (store.single, store.pages) == (len(OURS) + 1, 0)


async def test_of_many_jobs_all_are_looked_through_a_page_at_a_time(
    store: Counting, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "ASKED_BY_NAME", len(OURS) - 1)
    monkeypatch.setattr(ahead, "AT_ONCE", 2)
    began = virtual_loop().time()
    await tell_of_jobs_ahead(store, OURS)
    assert told(caplog) == {"job-1"}
    assert (store.single, store.pages) == (0, 4)  # The last is empty.
    assert virtual_loop().time() - began == pytest.approx(3 * BETWEEN_PAGES_S)
