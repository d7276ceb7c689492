from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.lock.rig import LockRig
from tests.virtual_time import Backend, virtual_time


@pytest.fixture
def anyio_backend() -> Backend:
    return virtual_time()


@pytest.fixture
async def rig() -> AsyncIterator[LockRig]:
    yield LockRig()
    await asyncio.sleep(0)  # What was cancelled last has yet to end.
    left = [task for task in asyncio.all_tasks() if "TestRunner" not in repr(task)]
    assert not left, f"these tasks still wait: {left}"
