from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apps.job_file.runs import Log
from tests.apps.job_file.web import Web, a_web


@pytest.fixture
async def log() -> Log:
    return Log()


@pytest.fixture
def web() -> Iterator[Web]:
    with a_web() as web:
        yield web
