"""What an answer of the server may not be taken for: its time before a wait, and a commit unheard."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator

import pytest

from cronfleet.errors import StoreUnavailableError
from cronfleet.model import RunState, SessionId
from cronfleet.store import NewSession, NotGranted
from cronfleet.testing.samples import PROGRAM, TZDATA, joined, report, tick
from tests.postgres_servers import Postgres
from tests.stores.postgres_proxy import CommitProxy
from tests.stores.postgres_rig import Opener, lock_on, looker, opener, tables

pytestmark = pytest.mark.postgres

DUE = tick(fire_time=1)
EXPIRED = "expires_at <= extract(epoch FROM clock_timestamp()) * 1000"


@pytest.fixture
async def opened() -> AsyncGenerator[Opener]:
    async with opener() as open_one:
        yield open_one


async def test_the_servers_own_time_is_read_when_the_locks_are_held(
    postgres_server: Postgres, opened: Opener
) -> None:
    """A test's clock is asked when the answer has come, wherever the server's stands in it."""
    store = await opened(postgres_server.url, call_timeout=60)
    anna = SessionId(secrets.token_hex(16))
    await store.join(NewSession(anna, PROGRAM, "anna", 1_000, TZDATA))
    await store.sync_jobs(anna, PROGRAM, [report(first=1)])
    async with looker(postgres_server.url) as other:
        async with lock_on(postgres_server.url, store, anna, "session"):
            claim = asyncio.create_task(store.claim(anna, [DUE]))
            await other.waiter("transactionid")
            while not await other.ask(f"SELECT {EXPIRED} FROM {tables(store)}.session"):
                pass
        assert await claim == [NotGranted.LOST]


async def test_a_commit_whose_answer_was_lost_is_not_known_and_not_tried_again(
    postgres_server: Postgres, opened: Opener
) -> None:
    """Taken once more, the claim would be told that others were first."""
    fleet = secrets.token_hex(4)
    async with CommitProxy(postgres_server) as proxy:
        sound = await opened(postgres_server.url, fleet)
        store = await opened(proxy.url, fleet)
        anna = await joined(sound, "anna", report(first=1))
        proxy.lose_next_answer()
        with pytest.raises(StoreUnavailableError):
            await store.claim(anna, [DUE])
        (held,) = await sound.held(anna)
    assert (held.state, held.claim.run.fire_time) == (RunState.CLAIMED, 1)
