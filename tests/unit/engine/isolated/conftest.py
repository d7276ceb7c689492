from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.engine.isolated.rig import Fifo
from tests.virtual_time import Backend


@pytest.fixture
def anyio_backend() -> Backend:
    return "asyncio", {}


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    with Fifo(tmp_path) as fifo:
        yield fifo
