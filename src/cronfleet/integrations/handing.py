"""What is handed to a queue with a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cronfleet import RunContext

Arguments: TypeAlias = Callable[[RunContext], Mapping[str, Any]]
"""Makes a task's keyword arguments of a run."""


def job_args(run: RunContext) -> Mapping[str, Any]:
    """The `args` of the job."""
    return run.args
