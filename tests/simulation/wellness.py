"""What must be well when nothing has gone wrong for so long; and when all have drained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from cronfleet.model import TERMINAL, RunState
from tests.simulation.case import Case
from tests.simulation.world import World

Wish: TypeAlias = Callable[[World], Iterable[str]]

LATE_MS = 10_000
SHORTEST_MS = 300_000
"""With the time of faults, half an hour."""


def bound_ms(case: Case) -> int:
    """By when all must be well again."""
    longest = max((job.takes for job in case.jobs), default=0)
    return max(SHORTEST_MS, 3 * case.fleet.ttl + 2 * longest + 150_000)


def no_run_is_stuck(world: World) -> Iterator[str]:
    now, bound = world.clock.wall_ms(), bound_ms(world.case)
    for run in world.mirror.runs.values():
        if run.state in TERMINAL or run.state is RunState.SHARDED:
            continue
        job = world.mirror.jobs[run.id.job]
        since = max(run.created_at, run.not_before, run.claimed_at or 0, run.started_at or 0)
        is_queued = run.state is RunState.WAITING and job.limit and job.active >= job.limit
        if now - since > bound and not is_queued:
            yield f"{run}, active {job.active} of {job.limit}"


def no_job_falls_behind(world: World) -> Iterator[str]:
    now = world.clock.wall_ms()
    for job in world.mirror.jobs.values():
        is_at_work = not job.paused and not job.removed
        if is_at_work and job.expected and job.expected.due < now - LATE_MS:
            yield f"{job} at {now}"


def no_pause_outlives_its_end(world: World) -> Iterator[str]:
    now = world.clock.wall_ms()
    for job in world.mirror.jobs.values():
        if job.paused_until is not None and job.paused_until < now - LATE_MS:
            yield f"{job} at {now}"


def every_instance_makes_claims_again(world: World) -> Iterator[str]:
    for process in world.processes.values():
        if process.trouble:
            yield f"{process.who}: {process.trouble}"


def every_session_belongs_to_an_instance(world: World) -> Iterator[str]:
    if len(world.mirror.sessions) != len(world.processes):
        yield str(world.mirror.sessions)


def the_store_keeps_what_is_written(world: World) -> Iterable[str]:
    return world.host.differences()


def the_store_finds_nothing_wrong_with_itself(world: World) -> Iterable[str]:
    return world.host.faults_found()


def a_drain_ends(world: World) -> Iterator[str]:
    for process in world.processes.values():
        if not process.is_over:
            yield process.who


def who_drains_leaves(world: World) -> Iterator[str]:
    for session in world.mirror.sessions.values():
        yield str(session)


def who_drains_releases_what_it_has_not_started(world: World) -> Iterator[str]:
    for run in world.mirror.runs.values():
        if run.state is RunState.CLAIMED:
            yield str(run)


AGAIN_WELL: tuple[Wish, ...] = (
    no_run_is_stuck,
    no_job_falls_behind,
    no_pause_outlives_its_end,
    every_instance_makes_claims_again,
    every_session_belongs_to_an_instance,
    the_store_keeps_what_is_written,
    the_store_finds_nothing_wrong_with_itself,
)
DRAINED: tuple[Wish, ...] = (
    a_drain_ends,
    who_drains_leaves,
    who_drains_releases_what_it_has_not_started,
)
