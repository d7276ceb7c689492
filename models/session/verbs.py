"""The operator: pause, resume, edit, cancel, trigger."""

from __future__ import annotations

from collections.abc import Iterator

from explore import Step

from session.design import Config
from session.instance import step
from session.network import zombies
from session.runs import raise_generation
from session.sessions import promote
from session.state import (
    CANCELLED,
    CLAIMED,
    NOBODY,
    PENDING,
    STARTED,
    UNATTENDED,
    WAITING,
    Job,
    Request,
    Run,
    State,
    World,
    budget,
)


def operator(config: Config, state: State) -> Iterator[Step]:
    if budget(state, "pause") and not state.job.is_paused:
        yield _pause(config, state)
    if state.job.is_paused and config.resumes:
        yield from _ask_to_resume(config, state)
    if budget(state, "edit"):
        yield from _edit(config, state)
    if budget(state, "cancel"):
        yield from _cancel(config, state)
    if budget(state, "stale"):
        yield from _grow_stale(config, state)
    if budget(state, "triggers") or budget(state, "repeat_trigger"):
        yield from _trigger(config, state)


def _pause(config: Config, state: State) -> Step:
    world = World(state)
    world.spend("pause")
    world.job = state.job._replace(is_paused=True)
    if config.pause_raises_generation:
        raise_generation(world)
    return step(config, world, "OPERATOR pauses, acknowledged", is_fault=True)


def _ask_to_resume(config: Config, state: State) -> Iterator[Step]:
    """Like a claim: computed from what was read, so it may arrive when that has changed."""
    under_way = [request for request in state.requests if request.op == "resume"]
    if any(request.current for request in under_way) and not _may_repeat(config, state):
        return
    expected = state.job.expected
    following = max(expected, min(state.clock + 1, config.ticks))
    request = Request("resume", NOBODY, NOBODY, UNATTENDED, target=following, expected=expected)
    if under_way.count(request) <= 1:
        world = World(state)
        world.send(request)
        yield step(config, world, f"operator sends resume(expected {expected}, next {following})")


def _may_repeat(config: Config, state: State) -> bool:
    return zombies(state) < config.zombies


def _edit(config: Config, state: State) -> Iterator[Step]:
    """A tick that is due is owed; a future one moves to the first after now and the watermark."""
    expected, watermark, _ = state.job
    first = max(state.clock, watermark) + 1 if config.watermark else state.clock + 1
    moved = first if expected > state.clock else expected
    for following in sorted({expected, min(moved, config.ticks)}):
        world = World(state)
        world.spend("edit")
        world.job = Job(following, watermark, state.job.is_paused)
        if config.edit_raises_generation:
            raise_generation(world)
        world.change_requests(
            lambda r: r.op in {"claim", "resume"}, lambda r: r._replace(definition=False)
        )
        label = f"OPERATOR edits the schedule: tick {following} is expected next"
        yield step(config, world, label, is_fault=True)


def _cancel(config: Config, state: State) -> Iterator[Step]:
    for k, run in enumerate(state.runs):
        if run.state in {WAITING, PENDING, CLAIMED}:
            world = World(state)
            world.spend("cancel")
            world.set_run(k, Run(CANCELLED))
            promote(config, world, allowed=config.promote_in_cancel)
            label = f"OPERATOR cancels run {k}, {run.state}"
            yield step(config, world, label, is_fault=True)
        elif run.state == STARTED:
            world = World(state)
            world.spend("cancel")
            world.set_run(k, run._replace(is_asked=True))
            label = f"OPERATOR asks the holder of run {k} to cancel it"
            yield step(config, world, label, is_fault=True)


def _grow_stale(config: Config, state: State) -> Iterator[Step]:
    """Time, rather than a person: a tick has waited for so long that nobody wants it any more."""
    for k, run in enumerate(state.runs[: config.ticks]):
        if run.state == WAITING and run.is_wanted:
            world = World(state)
            world.spend("stale")
            world.set_run(k, run._replace(is_wanted=False))
            label = f"tick {k} has waited too long to be wanted"
            yield step(config, world, label, is_fault=True)


def _trigger(config: Config, state: State) -> Iterator[Step]:
    """The next manual run; or the last one again, whose answer did not come, with its key."""
    asked = config.triggers - budget(state, "triggers")
    if budget(state, "triggers"):
        yield _send_trigger(config, state, config.ticks + asked, "triggers")
    if asked and budget(state, "repeat_trigger"):
        yield _send_trigger(config, state, config.ticks + asked - 1, "repeat_trigger")


def _send_trigger(config: Config, state: State, k: int, spends: str) -> Step:
    world = World(state)
    world.spend(spends)
    world.send(Request("trigger", NOBODY, NOBODY, UNATTENDED, target=k))
    again = " again, with the same key" if spends == "repeat_trigger" else ""
    return step(config, world, f"OPERATOR sends trigger(run {k}){again}", is_fault=True)
