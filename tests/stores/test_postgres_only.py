"""What is PostgreSQL's own: schemas, rights, plans, texts, notifications, poolers."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator
from typing import Any, cast

import psycopg
import pytest

from cronfleet.errors import MissingExtraError, StoreRefusedError, StoreUnavailableError
from cronfleet.model import History, Outcome
from cronfleet.store import DUE, Completion, Granted, LogLine, LogPart, LogPlace, lock_topic
from cronfleet.stores import open_store
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.postgres.server import check
from cronfleet.testing.samples import (
    PROGRAM,
    granted,
    join,
    joined,
    new_owner,
    order,
    report,
    started,
    tick,
    triggered,
)
from tests.postgres_servers import OwnPooler, OwnPostgres, Postgres
from tests.stores.postgres_rig import (
    SOON_S,
    Opener,
    as_user,
    counted,
    looker,
    opener,
    refused,
    tables,
)

pytestmark = pytest.mark.postgres


@pytest.fixture
async def opened() -> AsyncGenerator[Opener]:
    async with opener() as open_one:
        yield open_one


# --- opening


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_schemes_name_a_postgres_store(scheme: str) -> None:
    store = open_store(f"{scheme}://anna:secret@db.example/jobs", "default")
    assert isinstance(store, PostgresStore)
    assert store.name == f"{scheme}://anna:***@db.example/jobs"


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(_name: str) -> None:
        return None

    monkeypatch.setattr("cronfleet.stores.find_spec", find_nothing)
    with pytest.raises(MissingExtraError, match=r"cronfleet\[postgres\]"):
        open_store("postgresql://db", "default")


async def test_twenty_instances_may_open_an_empty_database_at_once(
    postgres_server: Postgres, opened: Opener
) -> None:
    fleet = secrets.token_hex(4)
    stores = await asyncio.gather(*(opened(postgres_server.url, fleet) for _ in range(20)))
    infos = [await store.open() for store in stores]
    assert {(info.id, info.epoch, info.schema) for info in infos} == {(infos[0].id, 1, 1)}


async def test_two_opens_at_once_share_their_connections(postgres_server: Postgres) -> None:
    store = PostgresStore(postgres_server.url, fleet=secrets.token_hex(4))
    first, second = await asyncio.gather(store.open(), store.open())
    assert first.id == second.id
    await store.aclose()


async def test_a_step_before_open_is_refused(postgres_server: Postgres) -> None:
    store = PostgresStore(postgres_server.url)
    with pytest.raises(StoreRefusedError, match="open it first"):
        await store.job("report")


async def test_a_newer_schema_is_refused(postgres_server: Postgres, opened: Opener) -> None:
    store = await opened(postgres_server.url)
    postgres_server.tell(f"INSERT INTO {tables(store)}.migration VALUES (99)")
    with pytest.raises(StoreRefusedError, match="was written by a newer cronfleet"):
        await store.open()


async def test_a_schema_that_was_dropped_is_refused(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    postgres_server.tell(f"DROP SCHEMA {tables(store)} CASCADE")
    with pytest.raises(StoreRefusedError, match="has lost its tables"):
        await store.jobs()


async def test_a_database_whose_encoding_cannot_say_everything_is_refused(
    own_postgres: OwnPostgres,
) -> None:
    own_postgres.tell("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    await refused(as_user(own_postgres, "postgres", "latin"), "keeps its texts in LATIN1")


def test_a_server_that_is_too_old_is_refused() -> None:
    about = {"version": 120_022, "version_name": "12.22", "encoding": "UTF8", "is_standby": False}
    with pytest.raises(StoreRefusedError, match=r"runs PostgreSQL 12\.22: use 13 or newer"):
        check("postgresql://db", about)


async def test_a_standby_is_unavailable_until_it_is_promoted(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    store = await opened(own_postgres.url)
    own_postgres.become_standby()
    with pytest.raises(StoreUnavailableError, match="standby"):
        await join(store, "anna")
    with pytest.raises(StoreUnavailableError, match="standby"):
        await store.open()
    own_postgres.promote()
    await join(store, "anna")


async def test_a_role_whose_transactions_are_read_only_by_default_can_work(
    own_postgres: OwnPostgres, opened: Opener
) -> None:
    own_postgres.tell(
        "ALTER ROLE postgres SET default_transaction_read_only = on",
        "ALTER ROLE postgres SET default_transaction_isolation = 'serializable'",
    )
    await join(await opened(own_postgres.url), "anna")


# --- hints


async def test_a_hint_reaches_the_users_of_another_store(
    postgres_server: Postgres, opened: Opener
) -> None:
    fleet = secrets.token_hex(4)
    one, other = [await opened(postgres_server.url, fleet) for _ in range(2)]
    await joined(one, "anna", report())
    hints = other.hints(DUE)
    await asyncio.wait_for(hints.next(), SOON_S)  # It listens from now on.
    await one.trigger("report", order())
    await asyncio.wait_for(hints.next(), SOON_S)
    hints.close()


async def test_a_listener_whose_connection_ends_connects_again_and_tells_everybody(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    hints = store.hints(DUE)
    await asyncio.wait_for(hints.next(), SOON_S)
    async with looker(postgres_server.url) as other:
        await other.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s",
            f"LISTEN {tables(store)}",
        )
    await asyncio.wait_for(hints.next(), SOON_S)


@pytest.mark.parametrize("error", [OSError("no file"), RuntimeError("no thread"), UnicodeError()])
async def test_a_listener_that_cannot_connect_for_any_reason_tries_again(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    store = await opened(postgres_server.url)
    connect, failed = psycopg.AsyncConnection.connect, list[Exception]()

    async def connect_the_second_time(**parameters: Any) -> Any:
        if not failed:
            failed.append(error)
            raise error
        return await connect(**parameters)

    monkeypatch.setattr(psycopg.AsyncConnection, "connect", connect_the_second_time)
    hints = store.hints(DUE)
    await asyncio.wait_for(hints.next(), SOON_S)
    assert failed == [error]


async def test_a_claim_tells_nobody(postgres_server: Postgres, opened: Opener) -> None:
    """Notifying takes a lock that all commits of the server share."""
    store = await opened(postgres_server.url)
    anna = await joined(store, "anna", report(first=1))
    async with looker(postgres_server.url) as other:
        await other.listen(store)
        await started(store, anna, await granted(store, anna, tick(fire_time=1)))
        assert await other.heard(store) == []
        await store.trigger("report", order())
        assert await other.heard(store) == []  # It waits for the tick's run.
        await store.sync_jobs(anna, PROGRAM, [report(first=1, edition=2)])
        assert await other.heard(store) == [DUE]


async def test_of_a_lock_the_next_is_told_and_nobody_else(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    first, second, third = (new_owner() for _ in range(3))
    async with looker(postgres_server.url) as other:
        await other.listen(store)
        for owner in (first, second, third):
            await store.lock("stock", owner, 30_000, waits=True)
        await store.renew_lock("stock", first, 30_000)
        assert await other.heard(store) == []
        await store.unlock("stock", first)
        assert await other.heard(store) == [lock_topic(second)]
        await store.unlock("stock", third)
        await store.lock("stock", second, 30_000, waits=True)
        await store.unlock("stock", second)
        assert await other.heard(store) == [lock_topic(second)]


async def test_behind_a_pooler_nobody_listens_in_vain(
    pooler: OwnPooler, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "cronfleet.stores.postgres.listening")
    store = await opened(pooler.url)
    hints = store.hints(DUE)
    assert store.tells_all
    assert store._listening._task is not None
    await store._listening._task
    assert "behind a pooler" in caplog.text
    assert not store.tells_all
    hints.close()


async def test_twenty_instances_may_open_an_empty_database_at_once_through_a_pooler(
    pooler: OwnPooler, opened: Opener
) -> None:
    fleet = secrets.token_hex(4)
    stores = await asyncio.gather(*(opened(pooler.url, fleet) for _ in range(20)))
    assert len({(await store.open()).id for store in stores}) == 1


# --- how much is sent, and how it is found


async def test_two_hundred_claims_are_two_round_trips(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"job-{n}" for n in range(200)]
    store = await opened(postgres_server.url)
    anna = await joined(store, "anna", *(report(name, first=1) for name in names))
    sent = counted(monkeypatch)
    answers = await store.claim(anna, [tick(name, 1) for name in names])
    assert all(isinstance(answer, Granted) for answer in answers)
    assert len(sent) == 2


async def test_a_prune_of_many_jobs_takes_no_more_round_trips_than_of_one(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(postgres_server.url)
    sent = counted(monkeypatch)
    taken: list[int] = []
    for names in (["a"], [f"b-{n}" for n in range(9)]):
        await joined(store, f"of-{names[0]}", *(report(name, first=1) for name in names))
        for name in names:
            await store.cancel(await triggered(store, name), order())
        sent.clear()
        assert await store.prune(dict.fromkeys(names, History(failures=0))) == len(names)
        taken.append(len(sent))
    assert taken[0] == taken[1]


async def test_whatever_is_asked_of_a_lock_is_two_round_trips(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(postgres_server.url)
    sent = counted(monkeypatch)
    first, second, third = (new_owner() for _ in range(3))
    asked = [
        *(
            lambda owner=owner: store.lock("a", owner, 9_000, waits=True)
            for owner in (first, second)
        ),
        lambda: store.lock("a", third, 9_000, waits=False),
        lambda: store.renew_lock("a", first, 9_000),
        lambda: store.renew_lock("a", second, 9_000),
        lambda: store.unlock("a", third),
        lambda: store.unlock("a", first),
    ]
    for question in asked:
        sent.clear()
        await question()
        assert len(sent) == 2


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("jobs_due", {"program": "p", "low": 0, "high": 1, "limit": 9, "skip": 0}),
        ("next_due", {"program": "p", "after": 1}),
        ("hold_jobs", {"names": ["a", "b"]}),
        ("hold_free_jobs", {"names": ["a", "b"]}),
        ("hold_runs", {"ids": ["a@1", "b@1"]}),
        ("hold_free_runs", {"ids": ["a@1", "b@1"]}),
        ("runs", {"job": "a", "limit": 9, "skip": 0}),
        ("runs_pending", {"program": "p", "until": 1, "limit": 9, "skip": 0}),
        ("waiting", {"jobs": ["a"], "most": 8}),
        ("ticks_waiting", {"jobs": ["a"]}),
        ("count_waiting", {"jobs": ["a"]}),
        ("runs_held", {"session": "s"}),
        ("count_held", {"sessions": ["s"]}),
        ("runs_orphaned", {"limit": 9}),
        (
            "runs_beyond",
            {"job": "a", "succeeded": True, "keep": 9, "before": 1, "limit": 9},
        ),
        ("gaps", {"job": "a", "limit": 9, "skip": 0}),
        ("newest_gaps", {"jobs": ["a"]}),
        ("drop_gaps_beyond", {"jobs": ["a"], "keep": 9}),
        ("survey", {"job": "a"}),
        ("hold_survey", {"job": "a"}),
        ("misplaced_runs", {"job": "a"}),
        ("lock", {"name": "a"}),
        ("waiters", {"name": "a"}),
        ("drop_locks_until", {"instant": 1}),
        ("drop_waiters_until", {"instant": 1}),
        ("drop_superseded_beyond", {"jobs": ["a"], "keep": 9}),
        ("answer", {"key": "k"}),
        ("drop_answers_before", {"before": 1}),
    ],
)
async def test_no_statement_looks_at_every_row(
    postgres_server: Postgres, opened: Opener, statement: str, values: dict[str, object]
) -> None:
    store = await opened(postgres_server.url)
    async with looker(postgres_server.url) as other:
        await other.ask("SET enable_seqscan = off")
        explain = b"EXPLAIN (FORMAT JSON)\n" + store._statements[statement]
        plan = await other.ask(explain, **values)
    assert set(scanned(plan)) <= {"session"}  # There are few of them.


def scanned(plan: Any) -> Iterator[str]:
    """The tables that a plan reads from end to end."""
    if isinstance(plan, dict):
        node = cast("dict[str, Any]", plan)
        if node.get("Node Type") == "Seq Scan":
            yield node["Relation Name"]
        plan = list(node.values())
    if isinstance(plan, list):
        for part in cast("list[Any]", plan):
            yield from scanned(part)


# --- texts


async def test_what_people_write_is_kept_as_it_was_given(
    postgres_server: Postgres, opened: Opener
) -> None:
    strange = "nul \0, half a character \ud800, a mark ␛ and 'quotes\" \\ %s"
    store = await opened(postgres_server.url)
    anna = await joined(store, "anna", report(first=1))
    claim = await started(store, anna, await granted(store, anna, tick(fire_time=1)))
    await store.complete([Completion(claim.run, claim.token, Outcome.FAILED, None, "nul \0")])
    await store.pause("report", order(key=strange, who=strange, why=strange))
    run, job = await store.run(claim.run), await store.job("report")
    (audit,) = await store.audit()
    assert (audit.who, audit.why) == (strange, strange)
    assert run is not None
    assert run.error == "nul \0"
    assert job is not None
    assert job.paused_why == strange


async def test_what_a_run_logged_goes_with_it_also_where_an_older_version_deletes_it(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    await joined(store, "anna", report())
    run = await triggered(store)
    await store.append_logs([LogPart(run, (LogLine(LogPlace(1, 1), 0, 20, "one"),))])
    assert len(await store.run_log(run)) == 1
    async with looker(postgres_server.url) as other:
        await other.ask(f"DELETE FROM {tables(store)}.run")
    assert await store.run_log(run) == []
