"""What a PostgreSQL store promises, and how it is looked after while others work on it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator

import pytest

from cronfleet import Failure, Promise, Verdict
from cronfleet.model import RunState
from cronfleet.store import Fault, FaultKind, Store
from cronfleet.stores.postgres import PostgresStore
from cronfleet.testing.samples import (
    granted,
    joined,
    new_owner,
    order,
    report,
    the_run,
    tick,
    triggered,
)
from tests.conftest import in_use
from tests.postgres_servers import OwnPostgres, Postgres, find_programs
from tests.stores.crowd import LIMITS, Member
from tests.stores.postgres_rig import Opener, as_user, lock_on, looker, opener, tables

pytestmark = pytest.mark.postgres


@pytest.fixture
async def opened() -> AsyncGenerator[Opener]:
    async with opener() as open_one:
        yield open_one


# --- the promise


@pytest.fixture(scope="module")
def careful(pytestconfig: pytest.Config) -> Iterator[OwnPostgres]:
    """A server that waits for its disk, as those of other tests do not."""
    settings = {"fsync": "on", "full_page_writes": "on"}
    with in_use(pytestconfig, lambda: OwnPostgres(find_programs(), **settings)) as server:
        assert isinstance(server, OwnPostgres)
        yield server
        server.remove()


def settings(promise: Promise) -> list[str]:
    return [each.setting for each in promise.downgrades]


async def test_a_server_that_waits_for_its_disk_has_nothing_to_lift(
    careful: OwnPostgres, opened: Opener
) -> None:
    promise = await (await opened(careful.url)).promise()
    assert (promise.breaks_when, promise.downgrades) == ([], ())
    version = careful.version.split()[0]
    assert promise.configuration == f"PostgreSQL {version} with no standby"


async def test_a_server_that_does_not_is_a_downgrade(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    promise = await (await opened(own_postgres.url)).promise()
    assert promise.breaks_when == [Failure.POWER]
    assert settings(promise) == ["fsync = on", "full_page_writes = on"]


async def test_a_role_that_would_not_wait_takes_nothing_away(
    careful: OwnPostgres, opened: Opener
) -> None:
    """The store's own transactions wait all the same."""
    careful.tell(
        "CREATE ROLE hasty SUPERUSER LOGIN", "ALTER ROLE hasty SET synchronous_commit = off"
    )
    promise = await (await opened(as_user(careful, "hasty"))).promise()
    assert (promise.breaks_when, promise.downgrades) == ([], ())


async def test_a_standby_that_is_attached_is_seen_and_whether_commits_wait_for_it(
    careful: OwnPostgres, opened: Opener
) -> None:
    store = await opened(careful.url)
    with careful.followed():
        promise = await store.promise()
        assert "with an asynchronous standby" in promise.configuration
        assert promise.holds[Failure.FAILOVER].verdict is Verdict.BROKEN
        assert settings(promise) == ["synchronous_standby_names"]
        with careful.waiting_for("*", "sync"):
            promise = await store.promise()
        assert "with a synchronous standby" in promise.configuration
        assert promise.holds[Failure.FAILOVER].verdict is Verdict.KEPT


@pytest.mark.parametrize(
    ("names", "standbys", "verdict"),
    [
        ("FIRST 1 (*)", ("potential", "sync"), Verdict.BROKEN),
        ("ANY 1 (*)", ("quorum", "quorum"), Verdict.BROKEN),
        ("ANY 2 (*)", ("quorum", "quorum"), Verdict.KEPT),
        ("FIRST 2 (*)", ("sync", "sync"), Verdict.KEPT),
    ],
)
async def test_only_where_every_standby_is_waited_for_a_failover_loses_nothing(
    careful: OwnPostgres,
    opened: Opener,
    names: str,
    standbys: tuple[str, str],
    verdict: Verdict,
) -> None:
    store = await opened(careful.url)
    with (
        careful.followed(),
        careful.followed(),
        careful.waiting_for(names, *standbys),
    ):
        promise = await store.promise()
    assert promise.holds[Failure.FAILOVER].verdict is verdict
    assert settings(promise) == ["synchronous_standby_names"] * (verdict is Verdict.BROKEN)


async def test_where_standbys_may_not_be_asked_about_there_may_be_one(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    own_postgres.tell(
        "CREATE ROLE worker LOGIN",
        "GRANT CREATE ON DATABASE postgres TO worker",
        "REVOKE SELECT ON pg_stat_replication FROM PUBLIC",
    )
    promise = await (await opened(as_user(own_postgres, "worker"))).promise()
    assert "standbys unknown" in promise.configuration
    assert "synchronous_standby_names" in settings(promise)


# --- care, while others work


@pytest.mark.timeout(300)
async def test_nothing_is_found_in_a_store_on_which_a_crowd_works(
    postgres_server: Postgres,
) -> None:
    """Each look sees one moment; each repair has all that it looks at locked."""
    fleet = secrets.token_hex(4)
    stores = [PostgresStore(postgres_server.url, fleet=fleet, call_timeout=30) for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    members = [Member(store, seed) for seed, store in enumerate(stores[1:])]
    crowd = asyncio.gather(*(member.work(rounds=80) for member in members))
    looks = 0
    while not crowd.done():
        assert await faults(stores[0]) == []
        looks += 1
    await crowd
    assert looks > 1
    for store in stores:
        await store.aclose()


async def faults(store: Store) -> list[Fault]:
    seen = [fault for name in LIMITS for fault in await store.check(name)]
    mended = [fault for name in LIMITS for fault in await store.check(name, None, order())]
    return [*seen, *mended, *await store.check_fleet(), *await store.check_fleet(order())]


async def test_a_look_sees_a_job_and_its_runs_at_one_moment(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    await joined(store, "anna", report())
    await triggered(store)
    async with looker(postgres_server.url) as other, looker(postgres_server.url) as third:
        await other.ask("BEGIN")
        await other.ask(f"LOCK TABLE {tables(store)}.run")
        look = asyncio.create_task(store.check("report"))
        await third.waiter("relation")  # It has seen the job, and not yet its runs.
        await other.ask(f"UPDATE {tables(store)}.job SET active = 0")
        await other.ask(f"UPDATE {tables(store)}.run SET state = 'cancelled', ended_at = 1")
        await other.ask("COMMIT")
    assert await look == []


async def test_a_session_that_ended_meanwhile_is_not_brought_back_by_a_repair(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await joined(store, "anna", report())
    async with looker(postgres_server.url) as other:
        await other.ask(f"UPDATE {tables(store)}.session SET expires_at = expires_at * 2")
        await other.ask("BEGIN")
        await other.ask(f"DELETE FROM {tables(store)}.session WHERE id = %s", anna)
        repair = asyncio.create_task(store.check_fleet(order()))
        async with looker(postgres_server.url) as third:
            await third.waiter("transactionid")
        await other.ask("COMMIT")
    assert await repair == []
    assert await store.instances() == []


async def test_tokens_go_on_above_one_that_was_found_ahead(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await joined(store, "anna", report(first=1))
    claim = await granted(store, anna, tick(fire_time=1))
    ahead = claim.token + 10**9
    postgres_server.tell(f"UPDATE {tables(store)}.run SET token = {ahead}")
    assert [each.kind for each in await store.check("report")] == [FaultKind.RUN_TOKEN]
    await store.check("report", None, order())
    assert await store.check("report") == []
    answer = await store.lock("stock", new_owner(), 9_000, waits=True)
    assert getattr(answer, "token", 0) > ahead


# --- adoption


async def test_an_adoption_waits_for_whoever_sets_aside_by_what_they_saw(
    postgres_server: Postgres, opened: Opener
) -> None:
    fleet = secrets.token_hex(4)
    one, other = [await opened(postgres_server.url, fleet) for _ in range(2)]
    await joined(one, "anna", report())
    run = await triggered(one)
    seen = (await one.open()).id
    in_the_way = lock_on(postgres_server.url, one, str(run), "run")
    async with looker(postgres_server.url) as third, in_the_way:
        clearing = asyncio.create_task(one.clear(seen, "report"))
        await third.waiter("transactionid")
        adopting = asyncio.create_task(other.adopt(seen, order()))
        await third.waiter("transactionid", 2)
        assert not adopting.done()
    assert await clearing == 1
    assert (await adopting).adopted
    assert (await the_run(one, run)).state is RunState.CANCELLED
