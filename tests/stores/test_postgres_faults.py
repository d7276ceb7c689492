"""What a server does in the middle of a call: waits, ends connections, restarts, falls silent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import closing

import pytest
from psycopg.errors import IdleInTransactionSessionTimeout

from cronfleet.clock import ManualClock
from cronfleet.errors import StoreUnavailableError
from cronfleet.model import RunState, SessionId
from cronfleet.store import Granted, NewSession, NotGranted, PendingClaim, Start
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.postgres.pool import MOST_CONNECTIONS
from cronfleet.testing.samples import (
    PROGRAM,
    START,
    TTL,
    TZDATA,
    granted,
    joined,
    renew,
    report,
    start_id,
    tick,
    triggered,
)
from tests.postgres_servers import OwnPostgres, Postgres
from tests.stores.postgres_rig import (
    Opener,
    claiming,
    in_the_middle,
    lock_on,
    looker,
    opener,
    tables,
    with_report,
)

pytestmark = pytest.mark.postgres

DUE = tick(fire_time=1)


@pytest.fixture
async def opened() -> AsyncGenerator[Opener]:
    async with opener() as open_one:
        yield open_one


# --- waiting


async def test_a_lock_that_another_keeps_is_waited_for_no_longer_than_a_call_may_take(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url, call_timeout=0.3)
    await with_report(store)
    async with lock_on(postgres_server.url, store, "report"):
        with pytest.raises(StoreUnavailableError):
            await triggered(store)
    await triggered(store)


async def test_the_time_is_read_when_the_locks_are_held(
    postgres_server: Postgres, opened: Opener
) -> None:
    """A session may have expired while its claim waited."""
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    anna = await joined(store, "anna", report())
    async with looker(postgres_server.url) as other:
        async with lock_on(postgres_server.url, store, anna, "session"):
            claim = asyncio.create_task(store.claim(anna, [tick()]))
            await other.waiter("transactionid")
            clock.advance(TTL)
        assert await claim == [NotGranted.LOST]
    renew(store, anna)
    await granted(store, anna, tick())


async def test_a_renewal_does_not_wait_for_a_claim_of_its_session(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store)
    async with in_the_middle(store, *claiming(anna, DUE)) as claim:
        assert await asyncio.to_thread(renew, store, anna) is not None
    assert isinstance((await claim)[0], Granted)


async def test_a_session_is_not_closed_under_a_claim_that_relies_on_it(
    postgres_server: Postgres, opened: Opener
) -> None:
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    anna = await joined(store, "anna", report())
    async with looker(postgres_server.url) as other:
        async with in_the_middle(store, *claiming(anna, tick())) as claim:
            leaving = asyncio.create_task(store.leave(anna))
            await other.waiter("transactionid")
        (answer,) = await claim
        await leaving
    assert isinstance(answer, Granted)
    assert [swept.run for swept in await store.sweep()] == [answer.claim.run]


async def test_an_instance_frozen_in_a_transaction_holds_up_the_others_for_one_call_at_most(
    postgres_server: Postgres, opened: Opener
) -> None:
    """Whoever waits for it goes on before it has thawed: the server has ended it."""
    fleet = secrets.token_hex(4)
    store = await opened(postgres_server.url, fleet)
    await with_report(store)
    bounds = (await opened(postgres_server.url, fleet, call_timeout=0.2))._talk.bounds
    async with looker(postgres_server.url) as frozen:
        await frozen.ask("BEGIN")
        await frozen.ask(store._statements["bounds"], **bounds.arguments or {})
        assert await frozen.ask("SHOW idle_in_transaction_session_timeout") == "200ms"
        await frozen.ask(f"SELECT FROM {tables(store)}.job FOR UPDATE")
        await triggered(store)
        with pytest.raises(IdleInTransactionSessionTimeout):
            await frozen.ask("COMMIT")


async def test_a_deadlock_is_tried_again(postgres_server: Postgres, opened: Opener) -> None:
    """Nobody who keeps the order of locks makes one: here somebody does not."""
    store = await opened(postgres_server.url)
    anna = await with_report(store, "a", "b")
    claims = [await granted(store, anna, tick(name, 1)) for name in ("a", "b")]
    job = f"FROM {tables(store)}.job WHERE name = %s FOR UPDATE"
    async with looker(postgres_server.url) as watcher, looker(postgres_server.url) as other:
        await other.ask("BEGIN")
        await other.ask("SET LOCAL deadlock_timeout = '1min'")  # The store is to be the victim.
        await other.ask(f"SELECT {job}", "b")
        release = asyncio.create_task(store.release(claims))
        await watcher.waiter("transactionid")
        await other.ask(f"SELECT {job}", "a")
        await other.ask("COMMIT")
        assert await release == [True, True]


# --- connections that end


async def test_a_connection_ended_before_the_commit_is_replaced_and_the_step_taken_once(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store)
    async with looker(postgres_server.url) as other:
        async with lock_on(postgres_server.url, store, anna, "session"):
            claim = asyncio.create_task(store.claim(anna, [DUE]))
            await other.ask("SELECT pg_terminate_backend(%s)", await other.waiter("transactionid"))
        assert isinstance((await claim)[0], Granted)
    assert len(await store.runs("report")) == 1


async def test_a_restarted_server_is_the_same_store_in_a_later_epoch_with_all_its_data(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    store = await opened(own_postgres.url)
    before = await store.open()
    anna = await with_report(store)
    claim = await granted(store, anna, DUE)
    own_postgres.stop()
    with pytest.raises(StoreUnavailableError):
        await store.job("report")
    own_postgres.start()
    assert [held.claim for held in await store.held(anna)] == [claim]
    after = await store.open()
    assert (after.id, after.epoch) == (before.id, before.epoch + 1)


async def test_the_first_close_after_a_restart_is_refused(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    """The server may be an older standby, now promoted: every watch begins anew."""
    store = await opened(own_postgres.url)
    anna = SessionId("a" * 32)
    await store.join(NewSession(anna, PROGRAM, "anna", ttl_ms=1, tzdata=TZDATA))
    own_postgres.restart()
    assert not await store.close(anna, 0, 1)
    assert await store.close(anna, 0, 2)


async def test_tokens_rise_over_a_failover_to_a_server_that_knows_less_of_them(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    store = await opened(own_postgres.url)
    anna = await with_report(store)
    before = await granted(store, anna, DUE)
    own_postgres.tell(f"SELECT setval('{tables(store)}.token', 1)")
    own_postgres.restart()
    await store.release([before])
    assert (await granted(store, anna, PendingClaim(before.run))).token > before.token


async def test_a_server_that_was_ended_in_a_renewal_is_unavailable_and_then_renewed_with_again(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    store = await opened(own_postgres.url)
    anna = await with_report(store)
    with closing(store.renewer()) as renewer:
        assert renewer.renew(anna) is not None
        own_postgres.stop()
        with pytest.raises(StoreUnavailableError):
            renewer.renew(anna)
        own_postgres.start()
        assert renewer.renew(anna) is not None


# --- silence


async def test_a_silent_server_is_unavailable_within_the_time_of_a_call(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    store = await opened(own_postgres.url, call_timeout=0.5)
    own_postgres.freeze()
    with pytest.raises(StoreUnavailableError):
        await store.job("report")
    own_postgres.thaw()
    assert await until_answered(store) is None


async def test_more_calls_than_connections_of_a_silent_server_all_fail_in_time(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    store = await opened(own_postgres.url, call_timeout=0.5)
    own_postgres.freeze()
    calls = [store.job("report") for _ in range(3 * MOST_CONNECTIONS)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    own_postgres.thaw()
    assert {type(answer) for answer in answers} == {StoreUnavailableError}
    assert await until_answered(store) is None


async def test_a_renewal_ends_when_the_server_falls_silent(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    store = await opened(own_postgres.url, call_timeout=0.5)
    anna = await with_report(store)
    with closing(store.renewer()) as renewer:
        renewer.renew(anna)
        own_postgres.freeze()
        with pytest.raises(StoreUnavailableError):
            renewer.renew(anna)
        own_postgres.thaw()


async def until_answered(store: PostgresStore) -> object:
    """Ask until a thawed server has come to itself."""
    while True:
        try:
            return await store.job("report")
        except StoreUnavailableError:
            await asyncio.sleep(0)


async def test_a_cancelled_call_goes_on_to_its_end_and_leaves_nothing_half_done(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store)
    url = postgres_server.url
    async with looker(url) as other, lock_on(url, store, anna, "session"):
        claim = asyncio.create_task(store.claim(anna, [DUE]))
        await other.waiter("transactionid")
        claim.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claim
    await store.aclose()  # Waits for the call.
    await store.open()
    assert [held.state for held in await store.held(anna)] == [RunState.CLAIMED]


async def test_closing_a_store_lets_its_calls_end(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store)
    claim = asyncio.create_task(store.claim(anna, [DUE]))
    await asyncio.sleep(0)
    await store.aclose()
    assert isinstance((await claim)[0], Granted)


# --- commits that may not last


@pytest.fixture
def without_standby(own_postgres: OwnPostgres) -> OwnPostgres:
    """A server that is to wait for a standby, which is away."""
    own_postgres.tell("ALTER ROLE postgres SET synchronous_commit = off")
    return own_postgres


async def test_a_commit_whose_wait_for_a_standby_was_cancelled_is_not_known_to_last(
    without_standby: OwnPostgres, opened: Opener
) -> None:
    """The role's own setting would not have waited, and the claim would have been believed."""
    store = await opened(without_standby.url)
    anna = await with_report(store)
    async with looker(without_standby.url) as other:
        without_standby.set("synchronous_standby_names", "nobody")
        claim = asyncio.create_task(store.claim(anna, [DUE]))
        await other.ask("SELECT pg_cancel_backend(%s)", await other.waiter("SyncRep"))
        with pytest.raises(StoreUnavailableError, match="whether it will last is not known"):
            await claim
        assert [held.state for held in await store.held(anna)] == [RunState.CLAIMED]


async def test_a_call_that_waits_for_a_standby_ends_in_its_time_and_leaves_no_connection_behind(
    without_standby: OwnPostgres, opened: Opener
) -> None:
    store = await opened(without_standby.url, call_timeout=1)
    anna = await with_report(store)
    without_standby.set("synchronous_standby_names", "nobody")
    with pytest.raises(StoreUnavailableError):
        await store.claim(anna, [DUE])
    await without_waiter(without_standby)


async def without_waiter(server: OwnPostgres) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    async with looker(server.url) as other:
        while await other.ask(waiting) > 0:
            pass


async def test_a_start_repeated_while_the_standby_is_away_is_not_believed_either(
    without_standby: OwnPostgres, opened: Opener
) -> None:
    """It finds the run started, by a commit that a failover may still undo."""
    store = await opened(without_standby.url, call_timeout=1)
    anna = await with_report(store)
    claim = await granted(store, anna, DUE)
    asked = [Start(claim.run, claim.token, start_id())]
    without_standby.set("synchronous_standby_names", "nobody")
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await store.start(anna, asked)
    without_standby.set("synchronous_standby_names", "")
    assert await store.start(anna, asked) == [True]


@pytest.mark.parametrize(
    ("configured", "used"),
    [
        ("off", "on"),
        ("local", "on"),
        ("on", "on"),
        ("remote_write", "remote_write"),
        ("remote_apply", "remote_apply"),
    ],
)
async def test_a_commit_waits_for_the_disk_at_least_and_for_more_where_that_is_configured(
    postgres_server: Postgres, opened: Opener, configured: str, used: str
) -> None:
    store = await opened(postgres_server.url)
    bounds = store._talk.bounds
    async with looker(postgres_server.url) as other:
        await other.ask(f"SET synchronous_commit = {configured}")
        await other.ask("BEGIN")
        await other.ask(store._statements["bounds"], **bounds.arguments or {})
        assert await other.ask("SHOW synchronous_commit") == used
