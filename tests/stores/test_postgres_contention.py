"""What another transaction has in hand: claims pass it over, completions and sweeps come to it last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from cronfleet.clock import ManualClock
from cronfleet.errors import StoreUnavailableError
from cronfleet.model import Claim, Outcome, RunState, SessionId
from cronfleet.store import (
    ClaimAnswer,
    Completion,
    Declared,
    Granted,
    IfActive,
    NotGranted,
    Ordered,
    PendingClaim,
    Recorded,
    Triggered,
)
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.steps import needs, orders
from cronfleet.stores.steps.records import Records
from cronfleet.testing.samples import (
    HOUR_MS,
    ONE_PM,
    PROGRAM,
    START,
    TWO_PM,
    granted,
    join,
    joined,
    order,
    renew,
    report,
    started,
    the_job,
    the_run,
    tick,
    triggered,
)
from tests.postgres_servers import Postgres
from tests.stores.postgres_rig import (
    Opener,
    claiming,
    counted,
    in_the_middle,
    lock_on,
    looker,
    opener,
    tables,
    with_report,
)

pytestmark = pytest.mark.postgres

LOST = NotGranted.LOST
NEWER = replace(tick(fire_time=ONE_PM), if_active=IfActive.REPLACE, wanted_until=TWO_PM)


@pytest.fixture
async def opened() -> AsyncGenerator[Opener]:
    async with opener() as open_one:
        yield open_one


def kinds(answers: Sequence[ClaimAnswer]) -> list[object]:
    """What was refused by itself, of all else the kind."""
    return [each if isinstance(each, NotGranted) else type(each) for each in answers]


# --- claims


async def test_a_claim_passes_over_a_job_that_another_has_in_hand_and_gets_the_others(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store, "a", "b", "c")
    items = [tick(name, 1) for name in ("a", "b", "c")]
    async with lock_on(postgres_server.url, store, "b"):
        assert kinds(await store.claim(anna, items)) == [Granted, LOST, Granted]
    await granted(store, anna, tick("b", 1))


async def test_of_a_job_that_another_has_in_hand_no_tick_is_claimed(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store)
    ticks = [tick(fire_time=1, following=2), tick(fire_time=2, following=3)]
    async with lock_on(postgres_server.url, store, "report"):
        assert await store.claim(anna, ticks) == [LOST, LOST]
    expected = (await the_job(store)).expected
    assert expected is not None
    assert expected.fire_time == 1


async def test_runs_of_a_job_that_another_has_in_hand_are_granted_though_its_tick_is_not(
    postgres_server: Postgres, opened: Opener
) -> None:
    """They change nothing of their job."""
    store = await opened(postgres_server.url)
    anna = await with_report(store, "a", "b")
    runs = [PendingClaim(await triggered(store, name)) for name in ("a", "b")]
    async with lock_on(postgres_server.url, store, "a"):
        answers = await store.claim(anna, [tick("a", 1), *runs])
    assert kinds(answers) == [LOST, Granted, Granted]


async def test_a_claim_passes_over_a_pending_run_that_another_has_in_hand(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store, "a", "b")
    one, other = [await triggered(store, name) for name in ("a", "b")]
    async with lock_on(postgres_server.url, store, str(one), "run"):
        answers = await store.claim(anna, [PendingClaim(one), PendingClaim(other)])
        assert kinds(answers) == [LOST, Granted]
    await granted(store, anna, PendingClaim(one))


async def test_a_pending_run_that_two_want_at_once_is_granted_to_one(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna, ben = await with_report(store), await with_report(store)
    wanted = PendingClaim(await triggered(store))
    async with in_the_middle(store, *claiming(anna, wanted)) as first:
        assert await store.claim(ben, [wanted]) == [LOST]
    assert kinds(await first) == [Granted]


async def test_a_tick_that_two_want_at_once_is_granted_to_one(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna, ben = await with_report(store), await with_report(store)
    async with in_the_middle(store, *claiming(anna, tick(fire_time=1))) as first:
        assert await store.claim(ben, [tick(fire_time=1)]) == [LOST]
    assert kinds(await first) == [Granted]


async def test_a_tick_whose_run_another_has_in_hand_is_not_made_a_second_time(
    postgres_server: Postgres, opened: Opener
) -> None:
    """The run is on record, while the job has gone back: only a damaged store is so."""
    store = await opened(postgres_server.url)
    anna = await with_report(store)
    claim = await granted(store, anna, tick(fire_time=1))
    await store.release([claim])
    before = await the_run(store, claim.run)
    postgres_server.tell(
        f"UPDATE {tables(store)}.job SET expected_fire_time = 1, expected_due = 1, watermark = -1"
    )
    async with lock_on(postgres_server.url, store, str(claim.run), "run"):
        both = [tick(fire_time=1), PendingClaim(claim.run)]
        assert await store.claim(anna, both) == [LOST, LOST]
    assert await the_run(store, claim.run) == before


async def test_a_tick_that_would_replace_a_run_in_anothers_hands_is_left_for_later(
    postgres_server: Postgres, opened: Opener
) -> None:
    """The tick that waits meanwhile keeps its place, and the other jobs are claimed."""
    clock = ManualClock(START)
    store = await opened(postgres_server.url, clock=clock)
    anna, replaced = await with_one_active(store, clock)
    before = await the_job(store)
    async with lock_on(postgres_server.url, store, str(replaced.run), "run"):
        answers = await store.claim(anna, [NEWER, tick("other", ONE_PM)])
        assert kinds(answers) == [LOST, Granted]
    assert await the_job(store) == before
    await granted(store, anna, NEWER)
    assert (await the_run(store, replaced.run)).state is RunState.CANCELLED


async def with_one_active(store: PostgresStore, clock: ManualClock) -> tuple[SessionId, Claim]:
    """A session, and its claim of the tick before the one that is due now."""
    anna = await joined(store, "anna", report(), report("other", first=ONE_PM))
    claim = await granted(store, anna, tick())
    clock.advance(timedelta(milliseconds=HOUR_MS))
    renew(store, anna)
    return anna, claim


async def test_a_claim_of_many_jobs_at_their_limit_takes_no_more_round_trips_than_of_one(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that it has in hand it has for as long as it takes."""
    store = await opened(postgres_server.url)
    names = [f"{if_active}-{n}" for if_active in ("skip", "wait", "wait_all") for n in range(9)]
    anna = await with_report(store, *names)
    await store.claim(anna, [tick(name, 1, following=2) for name in names])
    few, many = (
        [
            replace(tick(name, 2), if_active=IfActive(name.partition("-")[0]))
            for name in names
            if name.endswith("-0") is is_few
        ]
        for is_few in (True, False)
    )
    sent = counted(monkeypatch)
    await store.claim(anna, few)
    of_few = len(sent)
    await store.claim(anna, many)
    assert len(sent) == 2 * of_few


# --- completions


async def started_ones(store: PostgresStore, anna: SessionId, *names: str) -> list[Completion]:
    """What is to be said of ticks of these jobs, which are started."""
    claims = [await started(store, anna, await granted(store, anna, tick(n, 1))) for n in names]
    return [Completion(claim.run, claim.token, Outcome.SUCCEEDED) for claim in claims]


async def test_a_job_that_another_keeps_does_not_hold_up_the_completions_of_others(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url, call_timeout=1)
    said = await started_ones(store, await with_report(store, "a", "b", "c"), "a", "b", "c")
    kept = [Recorded.DONE, Recorded.UNANSWERED, Recorded.DONE]
    async with lock_on(postgres_server.url, store, "b"):
        assert await store.complete(said) == kept
        states = [(await the_run(store, each.run)).state for each in said]
        assert states == [RunState.SUCCEEDED, RunState.STARTED, RunState.SUCCEEDED]
    assert await store.complete(said) == [Recorded.DONE] * 3


async def test_a_completion_waits_for_a_job_that_another_has_in_hand(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    said = await started_ones(store, await with_report(store, "a", "b"), "a", "b")
    async with looker(postgres_server.url) as other:
        async with lock_on(postgres_server.url, store, "b"):
            completing = asyncio.create_task(store.complete(said))
            await other.waiter("transactionid")
        assert await completing == [Recorded.DONE] * 2


async def test_completions_that_all_wait_in_vain_are_an_error(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url, call_timeout=0.3)
    said = await started_ones(store, await with_report(store), "report")
    async with lock_on(postgres_server.url, store, "report"):
        with pytest.raises(StoreUnavailableError):
            await store.complete(said)
    assert await store.complete(said) == [Recorded.DONE]


async def test_who_waits_to_complete_keeps_nobody_else_waiting(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url, call_timeout=100)
    said = await started_ones(store, await with_report(store, "a", "b"), "a", "b")
    async with looker(postgres_server.url) as other:
        async with lock_on(postgres_server.url, store, "b"):
            completing = asyncio.create_task(store.complete(said))
            await other.waiter("transactionid")
            await triggered(store, "a")
            assert not completing.done()
        assert await completing == [Recorded.DONE] * 2


# --- sweeps


async def of_the_dead(store: PostgresStore, *names: str) -> list[Claim]:
    """Claims of a session that has ended, by their jobs."""
    anna = await with_report(store, *names)
    claims = [await granted(store, anna, tick(name, 1)) for name in names]
    await store.leave(anna)
    return claims


async def test_a_sweep_takes_back_first_what_nobody_else_has_in_hand(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    one, kept, other = [claim.run for claim in await of_the_dead(store, "a", "b", "c")]
    async with lock_on(postgres_server.url, store, "b"):
        assert [swept.run for swept in await store.sweep()] == [one, other]
    assert [swept.run for swept in await store.sweep()] == [kept]
    assert await store.sweep() == []


async def test_a_sweep_that_finds_only_what_others_have_in_hand_waits(
    postgres_server: Postgres, opened: Opener
) -> None:
    """An empty answer says that there is nothing more."""
    store = await opened(postgres_server.url)
    (claim,) = await of_the_dead(store, "a")
    async with looker(postgres_server.url) as other:
        async with lock_on(postgres_server.url, store, str(claim.run), "run"):
            sweeping = asyncio.create_task(store.sweep())
            await other.waiter("transactionid")
        assert [swept.run for swept in await sweeping] == [claim.run]


async def test_a_sweep_of_many_jobs_takes_no_more_round_trips_than_of_one(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(postgres_server.url)
    sent = counted(monkeypatch)
    taken: list[int] = []
    for names in (["a"], [f"b-{n}" for n in range(9)]):
        anna = await with_report(store, *names)
        for name in names:
            await started(store, anna, await granted(store, anna, tick(name, 1)))
        await store.leave(anna)
        sent.clear()
        assert len(await store.sweep()) == len(names)
        taken.append(len(sent))
    assert taken[0] == taken[1]


# --- declarations


async def test_an_instance_that_declares_what_is_in_force_waits_for_no_job(
    postgres_server: Postgres, opened: Opener
) -> None:
    """Instances come and go all the time, and each declares everything."""
    store = await opened(postgres_server.url)
    await with_report(store, "a", "b")
    async with lock_on(postgres_server.url, store, "a"):
        ben = await join(store, "ben")
        declared = await store.sync_jobs(ben, PROGRAM, [report(name, first=1) for name in "ab"])
    assert declared == [Declared.KEPT] * 2


async def test_what_changes_is_changed_as_it_is_when_nobody_else_has_it_in_hand(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store, "a", "b", "c")
    newer = [report(name, first=2, edition=2) for name in ("a", "b")] + [report("c", first=1)]
    async with looker(postgres_server.url) as other:
        async with in_the_middle(store, *claiming(anna, tick("b", 1, following=9))) as claim:
            syncing = asyncio.create_task(store.sync_jobs(anna, PROGRAM, newer))
            await other.waiter("transactionid")
        assert await syncing == [Declared.CHANGED, Declared.CHANGED, Declared.KEPT]
    assert kinds(await claim) == [Granted]
    changed = await the_job(store, "b")
    assert (changed.watermark, changed.active) == (1, 1)


async def test_a_declaration_of_many_changes_takes_no_more_round_trips_than_of_one(
    postgres_server: Postgres, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(postgres_server.url)
    names = [f"job-{n}" for n in range(9)]
    anna = await with_report(store, *names)
    sent = counted(monkeypatch)
    taken: list[int] = []
    for edition, changed in ((2, names[:1]), (3, names)):
        sent.clear()
        jobs = [report(name, first=1, edition=edition) for name in changed]
        assert await store.sync_jobs(anna, PROGRAM, jobs) == [Declared.CHANGED] * len(jobs)
        taken.append(len(sent))
    assert taken[0] == taken[1]


async def test_room_that_a_declaration_makes_is_for_who_waits_when_it_is_made(
    postgres_server: Postgres, opened: Opener
) -> None:
    store = await opened(postgres_server.url)
    anna = await with_report(store)
    await granted(store, anna, tick(fire_time=1))
    asked = order()
    roomier = [report(first=1, edition=2, limit=2)]

    def trigger(records: Records) -> Triggered | Ordered:
        return orders.trigger(records, "report", asked)

    async with looker(postgres_server.url) as other:
        async with in_the_middle(store, trigger, needs.to_order("report")) as triggering:
            syncing = asyncio.create_task(store.sync_jobs(anna, PROGRAM, roomier))
            await other.waiter("transactionid")
        await syncing
    made = await triggering
    assert isinstance(made, Triggered)
    assert (made.state, (await the_run(store, made.run)).state) == (
        RunState.WAITING,
        RunState.PENDING,
    )
