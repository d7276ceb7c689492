from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar

import pytest

from tests.unit.engine.rig import Rig, TimedRenewal
from tests.virtual_time import Backend, virtual_time


@pytest.fixture
def anyio_backend() -> Backend:
    return virtual_time()


@pytest.fixture(autouse=True)
def timed_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    in_use = ContextVar("renews_by", default=TimedRenewal)
    monkeypatch.setattr("cronfleet.engine.session.renews_by", in_use)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    yield Rig()
    await asyncio.sleep(0)  # What was cancelled last has yet to end.
    left = [task for task in asyncio.all_tasks() if "TestRunner" not in repr(task)]
    assert not left, f"these tasks still wait: {left}"


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive(), f"{thread} is still there"
