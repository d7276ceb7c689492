"""RQ does the work, cronfleet says when."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from rq.exceptions import DuplicateJobError

from cronfleet import RunContext
from cronfleet.integrations.handing import Arguments, job_args

if TYPE_CHECKING:
    from rq import Queue


def hand_off(
    queue: Queue,
    function: Callable[..., object] | str,
    arguments: Arguments = job_args,
    **options: Any,
) -> Callable[[RunContext], None]:
    """A handler that enqueues the function, with an id made of the run's; see `rq_job_id`.

    It is enqueued as unique: while RQ remembers a job of that id, a second one is no error and
    changes nothing. `arguments` makes the keyword arguments of a run: the job's `args`, unless
    told otherwise. `options` are those of `Queue.enqueue_call`.
    """

    def publish(run: RunContext) -> None:
        made = {"kwargs": dict(arguments(run)), "job_id": rq_job_id(run.run_id), "unique": True}
        try:
            cast("Any", queue).enqueue_call(function, **made, **options)
        except DuplicateJobError:
            run.log.info("RQ has this run already")

    return publish


def rq_job_id(run_id: str) -> str:
    """A run's id in the letters that RQ allows: `_` and two digits for any other, `__` for `_`."""
    return re.sub(r"[^A-Za-z0-9-]", _written, run_id)


def _written(match: re.Match[str]) -> str:
    return "__" if match[0] == "_" else f"_{ord(match[0]):02x}"
