"""The jobs of the rig's program, in two editions that roll over each other.

About seventy ticks a second, a few of each kind that the design knows. Every kind has a history
that is short, so that records are deleted all the time: the rig exports them before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from cronfleet import History, Retry, RunContext, Schedule, Scheduler, cron, every
from tests.chaos import handlers

Edition = Literal["a", "b"]
Handler = Callable[[RunContext], Any]

PROGRAM = "chaos"
KEPT = History(successes=200, failures=200)
EACH_SECOND = cron("* * * * * *")
OF_RUN_TIME = "added"
"""The job that no edition declares: the rig stores it while the fleet is at work."""


@dataclass(frozen=True)
class Kind:
    """So many jobs that are alike: `name-0`, `name-1` ..."""

    name: str
    count: int
    schedule: Schedule
    options: dict[str, Any]
    handler: Handler = handlers.work
    work_s: float = 0.02

    def names(self, load: float = 1) -> list[str]:
        """So many of them that they make such a share of its load; one at least."""
        return [f"{self.name}-{number}" for number in range(max(1, round(load * self.count)))]


def every_s(seconds: float) -> Schedule:
    return every(timedelta(seconds=seconds))


def kind(
    name: str,
    count: int,
    schedule: Schedule,
    work_s: float = 0.02,
    handler: Handler = handlers.work,
    **options: Any,
) -> Kind:
    return Kind(name, count, schedule, options, handler, work_s)


STEADY = (
    kind("quick", 20, EACH_SECOND),
    kind("even", 10, every_s(1), overlap="allow"),
    kind("thread", 6, every_s(1), handler=handlers.work_in_a_thread),
    kind("jittered", 4, every_s(2), jitter=timedelta(seconds=1)),
    kind("slow", 4, every_s(5), 5),
    kind("again", 6, every_s(2), 1, handlers.work_again, on_lost="rerun"),
    kind("wait", 3, EACH_SECOND, 1.5, overlap="wait"),
    kind("wait-all", 3, every_s(1), 0.6, overlap="wait_all", misfire="all"),
    kind("replace", 2, every_s(2), 4, overlap="replace"),
    kind("timed", 2, every_s(3), 2, timeout=timedelta(seconds=1)),
    kind("parts", 2, every_s(3), 1, shards=4),
    kind("parts-again", 1, every_s(4), 1, handlers.work_again, shards=3, on_lost="rerun"),
    kind(
        *("unlucky", 6, every_s(1), 0.1, handlers.fail_now_and_then),
        retry=Retry(attempts=3, first=timedelta(milliseconds=200)),
    ),
    kind("alone", 1, every_s(5), 0.5, handlers.work_in_a_thread, isolation="process"),
    kind(
        *("greedy", 1, every_s(5), 0, handlers.eat_memory),
        isolation="process",
        memory_limit_mb=512,
    ),
    kind("punctual", 2, every_s(1), misfire="skip"),
    kind("ordered", 4, EACH_SECOND, 0.1),
)
OF_EDITION: dict[Edition, Sequence[Kind]] = {
    "a": (kind("edited", 3, every_s(1)), kind("old", 2, every_s(1))),
    "b": (kind("edited", 3, every_s(2), 0.1), kind("new", 2, every_s(1))),
}
EDITED = frozenset(
    [name for kinds in OF_EDITION.values() for each in kinds for name in each.names()]
    + [OF_RUN_TIME]
)
"""Those whose schedule changes: since when which one held is not on record."""


ENTERED_AT_ONCE = ("quick-", "even-", "thread-", "punctual-")
"""How the names of those begin whose ticks wait for nothing, if all is well: for their lateness."""


RERUN = tuple(f"{each.name}-" for each in STEADY if each.options.get("on_lost") == "rerun")
"""How the names of those begin whose handlers are stopped before others may begin them again."""


def steady(load: float) -> list[str]:
    """The jobs that each edition declares in the same way."""
    return [name for each in STEADY for name in each.names(load)]


def ordered(load: float) -> list[str]:
    """Those that operators give their orders to."""
    return [name for name in steady(load) if name.startswith("ordered-")]


def declare(scheduler: Scheduler, edition: Edition, load: float) -> None:
    for each in (*STEADY, *OF_EDITION[edition]):
        for name in each.names(load):
            scheduler.add_job(
                each.handler,
                each.schedule,
                name,
                args={"work_s": each.work_s},
                history=KEPT,
                **each.options,
            )
    scheduler.handler("work")(handlers.work)
