"""Taskiq does the work, cronfleet says when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from cronfleet import RunContext
from cronfleet.integrations.handing import Arguments, job_args

if TYPE_CHECKING:
    from taskiq import AsyncTaskiqDecoratedTask


def hand_off(
    task: AsyncTaskiqDecoratedTask[..., Any],
    arguments: Arguments = job_args,
    **labels: str | float,
) -> Callable[[RunContext], Awaitable[None]]:
    """A handler that sends the task, with the run's id as the task's.

    `arguments` makes the task's keyword arguments of a run: the job's `args`, unless told
    otherwise. `labels` are those of the message. The broker must have been started where it
    needs that: `await broker.startup()`.
    """

    async def publish(run: RunContext) -> None:
        kicker = task.kicker().with_task_id(run.run_id).with_labels(**labels)
        await kicker.kiq(**arguments(run))

    return publish
