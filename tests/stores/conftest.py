"""What tests of single stores share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.stores.openers import Opener


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    opener = Opener()
    yield opener
    await opener.aclose()
