"""An older version goes on when a newer one came and went unseen."""

from __future__ import annotations

import asyncio

import pytest

from cronfleet import RunContext
from cronfleet.engine.overruled import Overruled
from cronfleet.engine.repertoire import Repertoire
from cronfleet.model import Fire, RunState
from cronfleet.run_id import RunId
from cronfleet.store import DueTick, PendingRun, Seen
from tests.unit.engine.rig import EACH_SECOND, TTL_S, Rig, job

RENEWAL_S = TTL_S / 3
PATIENCE_MS = 10_000


async def handler(run: RunContext) -> None: ...


OURS = job(handler)


@pytest.fixture
def overruled() -> Overruled:
    return Overruled(Repertoire({"report": OURS}), PATIENCE_MS)


def seen(*due: DueTick, pending: PendingRun | None = None) -> Seen:
    return Seen(0, due, (), [pending] if pending else [], None)


def due(name: str = "report", digest: str = "newer", fire_time: int = 60_000) -> DueTick:
    return DueTick(name, 2, digest, Fire(fire_time, fire_time), 0)


# --- with a fleet


async def test_it_goes_on_when_a_newer_version_came_and_went_between_two_renewals(
    rig: Rig,
) -> None:
    newer = job(rig.handlers.quick, max_active=2)
    async with rig.at_work(job(rig.handlers.quick)):
        await asyncio.sleep(RENEWAL_S + 1)
        await rig.store.leave(await rig.declare(newer))
        run = await rig.until_run(RunState.SUCCEEDED, within_s=60 + TTL_S + 1)
    assert rig.handlers.ticks == [str(run.id)]


async def test_nothing_is_declared_again_while_the_newer_version_is_at_work(rig: Rig) -> None:
    async with (
        rig.at_work(job(rig.handlers.quick, schedule=EACH_SECOND)),
        rig.at_work(job(rig.handlers.quick, schedule=EACH_SECOND, max_active=2)),
    ):
        await asyncio.sleep(TTL_S)
        declared = rig.store.calls["sync_jobs"]
        await asyncio.sleep(20 * TTL_S)
        assert rig.store.calls["sync_jobs"] == declared


# --- what it notices


def test_a_tick_that_is_left_for_the_whole_patience_is_noticed_and_then_once_a_patience(
    overruled: Overruled,
) -> None:
    noticed = [at for at in range(0, 35_000, 1_000) if overruled.saw(seen(due()), at)]
    assert noticed == [10_000, 21_000, 32_000]


def test_a_run_that_is_left_is_noticed_too(overruled: Overruled) -> None:
    left = seen(pending=PendingRun(RunId("report", 60_000, 1), "newer"))
    assert [overruled.saw(left, at) for at in (0, PATIENCE_MS)] == [False, True]


def test_ticks_that_somebody_takes_are_not(overruled: Overruled) -> None:
    for second in range(100):
        assert not overruled.saw(seen(due(fire_time=second)), second * 1_000)


def test_what_is_ours_as_it_is_in_force_or_is_not_declared_here_is_not(
    overruled: Overruled,
) -> None:
    for at in (0, PATIENCE_MS):
        assert not overruled.saw(seen(due("other"), due(digest=OURS.digest)), at)
