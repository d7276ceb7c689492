"""What comes of going by the last peek, on a store that tells only when there is more to claim.

That is what Redis and PostgreSQL do; the store in memory tells whenever a run has ended, and then an
instance looks in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from cronfleet import RunContext, every
from cronfleet.engine.ranking import GRACE_MS, Ranking
from cronfleet.model import Instant, JobName, SessionId
from cronfleet.schedule import EPOCH, Schedule
from cronfleet.store import DUE, ClaimAnswer, ClaimItem, NotGranted, Seen
from tests.unit.engine.rig import Rig, job
from tests.unit.engine.scripted_store import ScriptedStore

MINUTE_MS = 60_000
T = 10_000
"""Of each minute, when what is looked at here is due."""


def each_minute(ms: int) -> Schedule:
    return every(timedelta(minutes=1), anchor=EPOCH + timedelta(milliseconds=ms))


def tell_as_servers_do(store: ScriptedStore, patch: pytest.MonkeyPatch) -> None:
    async def stirring(step: Callable[[Any], Any], *_: object) -> Any:
        pending = len(store._records._pending("app"))
        answer = await store._step(step)
        if len(store._records._pending("app")) > pending:
            store._hub.tell(DUE)
        return answer

    patch.setattr(store, "_stirring", stirring)


def rank_of(_: Ranking, name: JobName) -> int:
    return int(name == "theirs")


@dataclass
class Entered:
    """When each job's handler was entered, in milliseconds of its minute."""

    rig: Rig
    at: dict[JobName, list[int]] = field(default_factory=dict[JobName, list[int]])

    async def quick(self, run: RunContext) -> None:
        self.at.setdefault(run.job, []).append(self.rig.clock.wall_ms() % MINUTE_MS)

    def plain(self, run: RunContext) -> None:
        self.at.setdefault(run.job, []).append(self.rig.clock.wall_ms() % MINUTE_MS)


@pytest.fixture
def entered(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Entered:
    tell_as_servers_do(rig.store, monkeypatch)
    return Entered(rig)


async def until(rig: Rig, ms: int) -> None:
    await asyncio.sleep((ms - rig.clock.wall_ms()) % MINUTE_MS / 1000)


async def test_ticks_in_a_row_cost_no_look_each(rig: Rig, entered: Entered) -> None:
    jobs = [job(entered.quick, f"job-{n}", each_minute(T + 2 * n)) for n in range(100)]
    async with rig.at_work(*jobs):
        await until(rig, T - 1)
        before = rig.store.calls.copy()
        await until(rig, T + 250)
        calls = rig.store.calls - before
    assert calls["claim"] == 100
    assert calls["peek"] <= 4
    assert {name: at[-1] for name, at in entered.at.items()} == {
        f"job-{n}": T + 2 * n for n in range(100)
    }


async def test_what_others_do_not_take_is_taken_after_a_grace_whatever_is_claimed_meanwhile(
    rig: Rig, entered: Entered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ranking, "rank", rank_of)
    monkeypatch.setattr(Ranking, "is_alone", False)
    times = {"before": T - 20, "theirs": T, "behind": T + 40}
    async with rig.at_work(*(job(entered.quick, n, each_minute(ms)) for n, ms in times.items())):
        await asyncio.sleep(300)
    assert {name: set(at) for name, at in entered.at.items()} == {
        "before": {T - 20},
        "theirs": {T + GRACE_MS},
        "behind": {T + 40},
    }


async def test_a_seat_that_frees_is_taken_though_other_ticks_were_claimed_meanwhile(
    rig: Rig, entered: Entered
) -> None:
    jobs = [
        job(entered.plain, "plain", each_minute(T)),
        job(entered.quick, "b", each_minute(T + 5)),
    ]
    async with rig.at_work(*jobs) as instance:
        instance._seats._free.threads = 0
        await until(rig, T + 10)
        instance._seats._free.threads = 1
        instance._wake.set()
        await until(rig, T + 12)
        assert len(await rig.store.runs("plain")) == 1


async def test_what_is_triggered_while_the_store_is_asked_is_started_at_once(
    rig: Rig, entered: Entered, monkeypatch: pytest.MonkeyPatch
) -> None:
    peek, asked = rig.store.peek, asyncio.Event()

    async def slow(program: str, limit: int, skip: int = 0) -> Seen:
        seen = await peek(program, limit, skip)
        if not asked.is_set():
            asked.set()
            await asyncio.sleep(0.003)
            await rig.trigger("other")
            await asyncio.sleep(0.003)
        return seen

    times = {"a": T, "b": T + 3}
    jobs = [job(entered.quick, name, each_minute(ms)) for name, ms in times.items()]
    async with rig.at_work(*jobs, job(entered.quick, "other", every(timedelta(hours=5)))):
        await until(rig, T - 1)
        monkeypatch.setattr(rig.store, "peek", slow)
        await asyncio.sleep(1)
    assert entered.at["other"][-1] <= T + 10


Claim = Callable[[SessionId, Sequence[ClaimItem]], Awaitable[list[ClaimAnswer]]]


async def test_what_was_passed_over_of_a_claim_is_asked_for_again_at_once(
    rig: Rig, entered: Entered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as on PostgreSQL, where another has the job in hand."""
    claim: Claim = rig.store.claim
    jobs = [job(entered.quick, name, each_minute(T)) for name in ("a", "b")]
    async with rig.at_work(*jobs):
        await until(rig, T - 50)

        async def passing(session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
            monkeypatch.setattr(rig.store, "claim", claim)
            return [*await claim(session, items[:1]), *[NotGranted.LOST] * (len(items) - 1)]

        monkeypatch.setattr(rig.store, "claim", passing)
        await asyncio.sleep(1)
    assert [at[-1] for at in entered.at.values()] == [T, T]


async def test_a_claim_that_came_a_moment_too_early_is_made_again_in_a_millisecond(
    rig: Rig, entered: Entered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ever more seldom, where the store's clock stands still."""
    claim: Claim = rig.store.claim
    tried: list[Instant] = []

    async def early(session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        tried.append(rig.clock.wall_ms() % MINUTE_MS - T)
        if len(tried) > 5:
            return await claim(session, items)
        return [NotGranted.NOT_DUE for _ in items]

    async with rig.at_work(job(entered.quick, "a", each_minute(T))):
        await until(rig, T - 50)
        monkeypatch.setattr(rig.store, "claim", early)
        await asyncio.sleep(1)
    assert tried == [0, 1, 3, 7, 15, 31]
    assert entered.at["a"][-1] == T + 31
