"""The password-expiry application runs its job once; it tells how long that took, in JSON."""

from __future__ import annotations

import asyncio
import json
import resource
import sys

from cronfleet import RunInfo, Scheduler
from cronfleet.apps.password_expiry import JOB, register
from cronfleet.config import load_settings

LOOK_S = 0.05


async def main() -> None:
    scheduler = Scheduler("sqlite:///cronfleet.db", program="password-expiry")
    application = register(scheduler, load_settings())
    async with scheduler:
        await application.prepare()
        run = await _ended(scheduler, (await scheduler.trigger(JOB)).run)
        page = await application.page()
    await application.close()
    assert run.outcome == "succeeded", run
    told = {
        "seconds": _spent_s(run),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "notices": sum(page.counts.values()),
    }
    json.dump(told, sys.stdout)


def _spent_s(run: RunInfo) -> float:
    if run.started_at is None or run.ended_at is None:
        return 0.0
    return (run.ended_at - run.started_at).total_seconds()


async def _ended(scheduler: Scheduler, run_id: str) -> RunInfo:
    while True:
        for run in await scheduler.runs(JOB):
            if run.id == run_id and run.ended_at:
                return run
        await asyncio.sleep(LOOK_S)


if __name__ == "__main__":
    asyncio.run(main())
