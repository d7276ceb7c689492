from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.apps.mail_server import MailServer, mail_server
from tests.apps.worlds import OpenWorld, Row, World, make_users, world


@pytest.fixture
def world_of(tmp_path: Path) -> Generator[OpenWorld]:
    """A world of the rows given."""
    with ExitStack() as opened:

        def open_world(*rows: Row) -> World:
            make_users(tmp_path / "users.db", rows)
            return opened.enter_context(world(tmp_path / "users.db"))

        yield open_world


@pytest.fixture
async def server() -> AsyncGenerator[MailServer]:
    """One that takes mails from those who log in, over STARTTLS."""
    made = MailServer()
    async with mail_server(tls=made.identity(), server=made):
        yield made
