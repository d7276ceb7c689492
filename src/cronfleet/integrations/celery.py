"""Celery does the work, cronfleet says when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cronfleet import RunContext
from cronfleet.integrations.handing import Arguments, job_args


def hand_off(
    # Without types of Celery's own, checkers take a task for the function that it decorates.
    task: Any,
    arguments: Arguments = job_args,
    **options: Any,
) -> Callable[[RunContext], None]:
    """A handler that sends the task, once, with the run's id as the task's.

    `arguments` makes the task's keyword arguments of a run: the job's `args`, unless told
    otherwise. `options` are those of `apply_async`. Celery's own repeating of a publish that
    failed is off, since the first may have arrived; `retry=True` has it on.
    """

    def publish(run: RunContext) -> None:
        chosen = {"retry": False} | options
        task.apply_async(kwargs=dict(arguments(run)), task_id=run.run_id, **chosen)

    return publish
