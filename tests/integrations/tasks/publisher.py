"""Hands runs to a queue.

python publisher.py QUEUE RUN_ID...    each as if it were a run's
python publisher.py QUEUE              one a second, until SIGTERM
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cronfleet import RunContext, Scheduler, every
from cronfleet.context import LogAdapter


def hour(run: RunContext) -> Mapping[str, str]:
    return {"name": f"{run.args['name']}, {run.fire_time:%H} h"}


def run_named(run_id: str) -> RunContext:
    return RunContext(
        job="report",
        kind="tick",
        fire_time=datetime(2026, 11, 28, 3, tzinfo=UTC),
        args={"name": "Anna"},
        attempt=1,
        token=1,
        run_id=run_id,
        deadline=None,
        lost=threading.Event(),
        log=LogAdapter(logging.getLogger("test"), {}),
    )


async def publish(handler: Callable[[RunContext], Any], run_ids: list[str]) -> None:
    for run_id in run_ids:
        answer = handler(run_named(run_id))
        if inspect.isawaitable(answer):
            await answer


def schedule(handler: Callable[[RunContext], Any]) -> None:
    scheduler = Scheduler(program="publisher")
    scheduler.add_job(handler, every(timedelta(seconds=1)), "report", args={"name": "Anna"})
    scheduler.run()


if __name__ == "__main__":
    module = importlib.import_module(f"for_{sys.argv[1]}")
    if run_ids := sys.argv[2:]:
        asyncio.run(publish(module.handler(arguments=hour), run_ids))
    else:
        schedule(module.handler())
