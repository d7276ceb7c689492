"""Who may come in, and with which rights: one clear line for each who may not."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator

import pytest

from cronfleet.errors import ConfigurationError, StoreUnavailableError
from cronfleet.model import Outcome, RunState
from cronfleet.store import DUE, Completion, PendingClaim, Store
from cronfleet.stores.postgres import PostgresStore
from cronfleet.testing.samples import (
    granted,
    joined,
    new_owner,
    order,
    report,
    started,
    tick,
    triggered,
)
from tests.postgres_servers import OwnPostgres, Postgres
from tests.servers import free_port
from tests.stores.postgres_rig import SOON_S, Opener, as_user, opener, refused

pytestmark = pytest.mark.postgres


@pytest.fixture
async def opened() -> AsyncGenerator[Opener]:
    async with opener() as open_one:
        yield open_one


# --- who may come in


async def test_a_server_that_is_not_there_is_unavailable(own_postgres: OwnPostgres) -> None:
    own_postgres.stop()
    store = PostgresStore(own_postgres.url)
    with pytest.raises(StoreUnavailableError, match="onnection refused"):
        await store.open()


async def test_a_wrong_password_is_refused_and_never_shown(own_postgres: OwnPostgres) -> None:
    own_postgres.tell("CREATE ROLE anna LOGIN PASSWORD 'right'")
    own_postgres.demand_passwords()
    await refused(as_user(own_postgres, "anna:s3cret"), "refuses the login")
    await refused(as_user(own_postgres, "anna"), "refuses the login")


async def test_an_unknown_user_and_an_unknown_database_are_refused(
    postgres_server: Postgres,
) -> None:
    await refused(as_user(postgres_server, "nobody_of_that_name"), "refuses the login")
    await refused(as_user(postgres_server, "postgres", "nowhere"), "has no such database")


async def test_of_several_servers_the_one_that_takes_writes_is_found(
    own_postgres: OwnPostgres, newest_postgres_server: OwnPostgres, opened: Opener
) -> None:
    own_postgres.become_standby()
    ports = [free_port(), own_postgres.port, newest_postgres_server.port]
    hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
    fleet = secrets.token_hex(4)
    store = await opened(f"postgresql://postgres@{hosts}/postgres", fleet)
    alone = await opened(newest_postgres_server.url, fleet)
    assert (await store.open()).id == (await alone.open()).id


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://anna:s3cret/x@host/jobs",
        "postgresql://anna:s3cret@x@host/jobs",
        "postgresql://anna:s3cret%zz@host/jobs",
        "postgresql://anna:s3cret@host/jobs?no_such_option=1",
    ],
)
def test_an_url_that_cannot_be_read_is_refused_and_its_password_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        PostgresStore(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("fleet", ["", "a b", 'a"b', "a.b", "ä", "x" * 54])
def test_a_fleet_whose_name_cannot_be_part_of_a_schemas_is_refused(fleet: str) -> None:
    with pytest.raises(ConfigurationError, match="part of a schema's name"):
        PostgresStore("postgresql://db", fleet=fleet)


async def test_two_fleets_in_one_database_do_not_meet(
    postgres_server: Postgres, opened: Opener
) -> None:
    one, other = await opened(postgres_server.url), await opened(postgres_server.url)
    await joined(one, "anna", report())
    assert await other.jobs() == []
    assert (await one.open()).id != (await other.open()).id


# --- rights


@pytest.fixture
def roles(own_postgres: OwnPostgres) -> OwnPostgres:
    """A server with a role that owns nothing and one that may work with what it is granted."""
    own_postgres.tell("CREATE ROLE owner LOGIN", "CREATE ROLE worker LOGIN")
    return own_postgres


async def test_a_role_that_owns_its_schema_needs_no_other_right(
    roles: OwnPostgres, opened: Opener
) -> None:
    roles.tell("CREATE SCHEMA cronfleet AUTHORIZATION worker")
    await work(await opened(as_user(roles, "worker"), "default"))


async def test_a_role_can_work_with_what_the_page_says_to_grant(
    roles: OwnPostgres, opened: Opener
) -> None:
    roles.tell("GRANT CREATE ON DATABASE postgres TO owner")
    await opened(as_user(roles, "owner"), "default")
    await refused(as_user(roles, "worker"), "USAGE on the schema")
    roles.tell(
        "GRANT USAGE ON SCHEMA cronfleet TO worker",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA cronfleet TO worker",
        "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA cronfleet TO worker",
    )
    await work(await opened(as_user(roles, "worker"), "default"))


async def test_a_role_that_may_make_nothing_is_told_what_to_grant(roles: OwnPostgres) -> None:
    said = "permission denied for database.*CREATE SCHEMA .* AUTHORIZATION"
    await refused(as_user(roles, "worker"), said)


async def work(store: Store) -> None:
    """A little of everything: all tables are read and written."""
    anna = await joined(store, "anna", report(first=1))
    hints = store.hints(DUE)
    claim = await started(store, anna, await granted(store, anna, tick(fire_time=1)))
    run = await triggered(store)
    await store.complete([Completion(claim.run, claim.token, Outcome.FAILED, None, "broken")])
    await asyncio.wait_for(hints.next(), SOON_S)
    await granted(store, anna, PendingClaim(run))
    await store.pause("report", order())
    await store.note("outbox", "one")
    await joined(store, "ben", report(first=1, edition=2))
    for owner in (first := new_owner(), new_owner()):
        await store.lock("stock", owner, 9_000, waits=True)
    await store.unlock("stock", first)
    assert await store.check("report", None, order()) == []
    assert (await store.promise()).configuration
    assert (await store.adopt((await store.open()).id, order())).adopted
    await store.leave(anna)
    assert [swept.state for swept in await store.sweep()] == [RunState.PENDING]
