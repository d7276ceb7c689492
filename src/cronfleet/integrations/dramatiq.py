"""Dramatiq does the work, cronfleet says when."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from cronfleet import RunContext
from cronfleet.integrations.handing import Arguments, job_args

if TYPE_CHECKING:
    from dramatiq import Actor


def hand_off(
    actor: Actor[..., Any], arguments: Arguments = job_args, **options: Any
) -> Callable[[RunContext], None]:
    """A handler that enqueues a message for the actor, with the run's id as the message's.

    `arguments` makes the actor's keyword arguments of a run: the job's `args`, unless told
    otherwise. `options` are those of a message.
    """

    def publish(run: RunContext) -> None:
        known = cast("Any", actor)  # Half of its types are missing.
        message = known.message_with_options(kwargs=dict(arguments(run)), **options)
        known.broker.enqueue(message.copy(message_id=run.run_id))

    return publish
