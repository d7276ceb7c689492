"""What is left over where something was passed over is come back to, in the same call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from cronfleet.errors import StoreUnavailableError
from cronfleet.model import Outcome, SessionId
from cronfleet.store import Completion, DeclareAnswer, Recorded
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.postgres.pool import Pool
from cronfleet.stores.steps import jobs, needs, runs
from cronfleet.stores.steps.jobs import Declarer
from cronfleet.stores.steps.needs import Needs
from cronfleet.stores.steps.records import Records
from cronfleet.testing.samples import PROGRAM, granted, join, report, started, the_job, tick
from tests.postgres_servers import Postgres
from tests.stores.postgres_rig import Opener, in_the_middle, lock_on, looker, opener, with_report

pytestmark = pytest.mark.postgres


@pytest.fixture
async def opened() -> AsyncGenerator[Opener]:
    async with opener() as open_one:
        yield open_one


async def succeeded(store: PostgresStore, session: SessionId, *names: str) -> list[Completion]:
    """What is to be said of the first ticks of these jobs, which are started."""
    claims = [
        await started(store, session, await granted(store, session, tick(name, 1)))
        for name in names
    ]
    return [Completion(claim.run, claim.token, Outcome.SUCCEEDED) for claim in claims]


def completing(said: Completion) -> tuple[Callable[[Records], list[Recorded]], Needs]:
    """What a completion does, and what it needs."""
    return lambda records: runs.complete(records, [said]), needs.to_complete([said])


async def test_a_job_that_is_kept_for_long_does_not_take_the_turn_of_the_one_after_it(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url, call_timeout=6)
    said = await succeeded(store, await with_report(store, "a", "b", "c"), "a", "b", "c")
    async with looker(postgres_server.url) as other, lock_on(postgres_server.url, store, "b"):
        async with lock_on(postgres_server.url, store, "c"):
            saying = asyncio.create_task(store.complete(said))
            await other.waiter("transactionid")
        assert await saying == [Recorded.DONE, Recorded.UNANSWERED, Recorded.DONE]


async def test_a_sweep_that_waited_for_nothing_takes_back_what_else_there_is(
    postgres_server: Postgres, opened: Opener
) -> None:
    """A run may still be completed by its instance while the sweep waits for it."""
    store = await opened(postgres_server.url)
    anna = await with_report(store, "a", "b")
    one, other_one = await succeeded(store, anna, "a", "b")
    await store.leave(anna)
    async with looker(postgres_server.url) as other:
        async with (
            lock_on(postgres_server.url, store, "b"),
            in_the_middle(store, *completing(one)) as late,
        ):
            sweeping = asyncio.create_task(store.sweep())
            await other.waiter("transactionid")
        assert [swept.run for swept in await sweeping] == [other_one.run]
    assert await late == [Recorded.DONE]


async def test_all_parts_of_a_sweep_have_the_time_of_one_call(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(postgres_server.url, call_timeout=0.5)
    anna = await with_report(store)
    await granted(store, anna, tick(fire_time=1))
    await store.leave(anna)
    spans_s: list[float] = []
    take = Pool.take

    async def noted(pool: Pool, converse: Callable[[], Any], timeout_s: float = 0.5) -> Any:
        spans_s.append(timeout_s)
        return await take(pool, converse, timeout_s)

    async with lock_on(postgres_server.url, store, "report"):
        monkeypatch.setattr(Pool, "take", noted)
        with pytest.raises(StoreUnavailableError):
            await store.sweep()
    first, second = spans_s
    assert second < first == 0.5


async def test_a_job_that_is_declared_is_not_noted_as_undeclared_meanwhile(
    postgres_server: Postgres, opened: Opener
) -> None:
    """The declaration leaves the job as it is, and locks it no more."""
    store = await opened(postgres_server.url)
    await store.leave(await with_report(store))
    ben = await join(store, "ben")
    declared = [report(first=1)]

    def declare(records: Records) -> list[DeclareAnswer]:
        return jobs.sync_jobs(records, Declarer(ben, PROGRAM, ()), declared)

    async with looker(postgres_server.url) as other:
        async with in_the_middle(store, declare, needs.to_sync(ben, declared)):
            noting = asyncio.create_task(store.undeclared(["report"]))
            await other.waiter("advisory")
        assert await noting == []
    assert (await the_job(store)).undeclared_since is None
