from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from cronfleet.apps.password_expiry.notices import Outbox
from tests.apps.outboxes import open_outbox


@pytest.fixture
def outbox(tmp_path: Path) -> Generator[Outbox]:
    with open_outbox(tmp_path / "notices.db") as outbox:
        yield outbox
