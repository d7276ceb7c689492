"""What a handler is given."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cronfleet.model import Claim

if TYPE_CHECKING:
    LogAdapter = logging.LoggerAdapter[logging.Logger]
else:
    LogAdapter = logging.LoggerAdapter


RUN_LOGGER = "cronfleet.run"
"""The logger behind `RunContext.log`, for whoever wants to choose what becomes of its lines."""


def marks_of(claim: Claim) -> dict[str, str | int]:
    """What marks a log line that is about a claim."""
    run = claim.run
    return {"job": run.job, "run": str(run), "attempt": claim.attempt, "token": claim.token}


@dataclass(frozen=True, slots=True)
class RunContext:
    """One attempt of one run, as its handler sees it."""

    job: str
    kind: str
    """`tick`, `manual` or `backfill`."""
    fire_time: datetime
    """Aware UTC: the instant the schedule names, not when the handler really started."""
    args: Mapping[str, Any]
    attempt: int
    """From 1; greater after a retry or a loss."""
    token: int
    """The fencing token: rises with every claim. Hand it to a resource that can refuse older ones."""
    run_id: str
    deadline: datetime | None
    """When the time limit cancels the handler, by this machine's clock."""
    lost: threading.Event
    """Set when the run is no longer this instance's, or is to be cancelled: stop."""
    log: LogAdapter
    """Marks every line with job, run, attempt and token. What it is told from INFO up is kept with
    the run, see `Scheduler.run_log`."""
    shard: int = 0
    """Which part of the tick's work is this run's, from 0: an item is its own where, say,
    `item.id % run.shards == run.shard`."""
    shards: int = 1
    """How many parts there are."""
    draining: threading.Event = field(default_factory=threading.Event)
    """Set when its instance drains: begin nothing new, finish what is under way."""
