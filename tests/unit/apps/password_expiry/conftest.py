from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.apps.outboxes import OneByOne, open_outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Generator[OneByOne]:
    with open_outbox(tmp_path / "notices.db") as outbox:
        yield outbox
