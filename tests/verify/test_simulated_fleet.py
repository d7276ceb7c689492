"""A fleet in simulated time with every policy, orders and deaths: the checker finds nothing.

The engine, the policies and the schedules are those of production, so that an alarm here is false,
or a bug there.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cronfleet import History, Retry, RunContext, Schedule, Scheduler, UnknownRunError, cron, every
from cronfleet.testing import AsyncSimulation, SimulatedTime
from cronfleet_verify.report import as_text
from tests.verify.auditing import Object, audit, write

START = datetime(2027, 3, 27, 6, tzinfo=UTC)
DAYS = 1
KEPT = History(successes=10_000, failures=10_000)
RETRY = Retry(attempts=3, first=timedelta(seconds=20))


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


JOBS: dict[str, tuple[Schedule, dict[str, Any]]] = {
    "berlin": (cron("*/30 * * * *", tz="Europe/Berlin"), {}),
    "nightly": (cron("15,45 1-3 * * *", tz="Europe/Berlin"), {"jitter": minutes(5)}),
    "hashed": (cron("H */2 * * *", tz="America/New_York"), {"misfire": "skip"}),
    "flaky": (every(minutes(11)), {"retry": RETRY}),
    "again": (every(minutes(7)), {"on_lost": "rerun", "retry": RETRY}),
    "waits": (every(minutes(4)), {"overlap": "wait"}),
    "waits-all": (every(minutes(9)), {"overlap": "wait_all", "misfire": "all"}),
    "replaced": (every(minutes(5)), {"overlap": "replace"}),
    "crowd": (every(minutes(6)), {"overlap": "allow", "misfire": "all", "max_catch_up": 5}),
    "pair": (every(minutes(4)), {"max_active": 2}),
    "parts": (every(minutes(20)), {"shards": 3, "retry": RETRY}),
    "timed": (every(minutes(10)), {"timeout": timedelta(minutes=2), "retry": RETRY}),
}


class Stage:
    """The fleet's jobs, and the log of what their handlers do by the simulated clock."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.log: list[Object] = []
        self.now: Callable[[], datetime] = lambda: START
        self.scheduler = Scheduler(program="simulated")
        for name, (schedule, options) in JOBS.items():
            self.scheduler.add_job(self._handle, schedule, name, history=KEPT, **options)

    async def _handle(self, run: RunContext) -> None:
        with self._logged(run):
            await asyncio.sleep(self.rng.choice([0.5, 20, 150, 400]))
            if self.rng.random() < 0.2:
                raise RuntimeError("no paper")

    @contextmanager
    def _logged(self, run: RunContext) -> Generator[None]:
        self._tell("began", run)
        outcome = "failed"
        try:
            yield
            outcome = "succeeded"
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._tell("ended", run, outcome=outcome)

    def _tell(self, effect: str, run: RunContext, **more: str) -> None:
        at = round(self.now().timestamp() * 1000)
        about = {"run": run.run_id, "attempt": run.attempt, "token": run.token}
        self.log.append({"effect": effect, "at": at, "instance": "any", **about, **more})


async def order(stage: Stage, time: AsyncSimulation) -> None:
    """One order, or one death."""
    rng, scheduler = stage.rng, stage.scheduler
    job = rng.choice(list(JOBS))
    match rng.randrange(8):
        case 0:
            await time.do(scheduler.pause(job))
        case 1:
            await time.do(scheduler.resume(job))
        case 2:
            await time.do(scheduler.skip_next(job))
        case 3:
            await time.do(scheduler.trigger(job))
        case 4:
            first = time.now - timedelta(hours=rng.randint(1, 5))
            await time.do(scheduler.backfill(job, first, time.now))
        case 5 if runs := time.runs(job):
            with suppress(UnknownRunError):
                await time.do(scheduler.cancel(rng.choice(runs[-3:]).id))
        case _:
            await die(stage, time)


async def die(stage: Stage, time: AsyncSimulation) -> None:
    """One instance ends, or both do for longer than ticks are still wanted."""
    number = stage.rng.randint(1, 2)
    end = stage.rng.choice([time.kill, time.stop])
    await end(number)
    if stage.rng.random() < 0.3:
        await time.stop(3 - number)
        await time.advance(minutes=stage.rng.randint(1, 90))
        await time.start(3 - number)
    await time.advance(minutes=stage.rng.randint(1, 20))
    await time.start(number)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(3))
async def test_a_fleet_that_has_seen_everything_is_clean(seed: int, tmp_path: Path) -> None:
    stage = Stage(seed)
    lines: list[str] = []
    async with SimulatedTime(stage.scheduler, start=START, instances=2) as time:
        stage.now = lambda: time.now
        while time.now < START + timedelta(days=DAYS):
            await time.advance(minutes=stage.rng.randint(1, 90))
            await order(stage, time)
        await time.do(stage.scheduler.export(lines.append))
    history = tmp_path / "history"
    history.write_text("".join(lines))
    verdict = audit(history, write(tmp_path / "log", stage.log), ttl=10_000)
    assert verdict.is_clean, as_text(verdict)
    assert verdict.unchecked == {}
    assert verdict.counts["runs"] > 500
    alone = audit(history)
    assert alone.is_clean, as_text(alone)
