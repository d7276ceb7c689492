"""An instance keeps its session: it renews, watches the others, buries, sweeps, asks what it holds."""

from __future__ import annotations

from collections.abc import Iterator

from explore import Step

from session.design import Config
from session.instance import rejoin, step, unawaited, watch
from session.network import give_up, zombies
from session.sessions import held_runs, is_expired, open_sessions, prolong, sweep
from session.state import (
    AWAITED,
    CLAIMED,
    CLAIMING,
    GIVEN_UP,
    HELD,
    IDLE,
    NOBODY,
    OPEN,
    STARTED,
    STARTING,
    UNATTENDED,
    HeldAnswer,
    Instance,
    Request,
    State,
    World,
)


def renew(config: Config, state: State, i: int) -> Iterator[Step]:
    """Renewal has its own thread: no state of the main loop holds it back."""
    if i not in config.slow:
        if state.up:
            yield from _renew_at_once(config, state, i)
    elif state.instances[i].renew_age < 0:
        world = World(state)
        world.change(i, renew_age=0)
        world.send(Request("renew", i, state.instances[i].session, AWAITED))
        yield step(config, world, f"i{i} sends renew")
    elif zombies(state) < config.zombies or not _has_sent_renewal(state, i):
        world = World(state)
        world.change(i, renew_age=-1)
        give_up(world, i, frozenset({"renew"}))
        yield step(config, world, f"i{i}: renew timed out")


def _has_sent_renewal(state: State, i: int) -> bool:
    return any(r.op == "renew" and r.sender == i and r.waits != GIVEN_UP for r in state.requests)


def _renew_at_once(config: Config, state: State, i: int) -> Iterator[Step]:
    session = state.instances[i].session
    is_closed = state.sessions[session].status != OPEN
    world = World(state)
    if is_closed and config.close_is_final:
        if rejoin(config, world, i):
            yield step(config, world, f"i{i} learns that its session is closed, joins anew")
        return
    prolong(config, world, session)
    world.change(i, left=config.ttl)
    watch(config, world, i, open_sessions(world, session), 0)
    yield step(config, world, f"i{i} renews" + (", REVIVES a closed session" if is_closed else ""))


def bury(config: Config, state: State, i: int) -> Iterator[Step]:
    """Send a close for each session whose counter stood still for a whole TTL."""
    if (config.roles and i == 0) or any(r.op == "close" for r in state.requests):
        return
    instance = state.instances[i]
    for s, session in enumerate(state.sessions):
        if s == instance.session or session.status != OPEN:
            continue
        was_watched = instance.watches[s] >> 1 >= config.ttl
        if was_watched if config.close_needs_watch else is_expired(config, session):
            world = World(state)
            epoch = instance.knows_epoch
            world.send(Request("close", NOBODY, NOBODY, UNATTENDED, target=s, current=epoch))
            yield step(config, world, f"i{i} sends close(session {s}, counter it watched)")


def sweep_closed(config: Config, state: State, i: int) -> Iterator[Step]:
    if not state.up or not config.sweep_repeatable:
        return
    for k, run in enumerate(state.runs):
        if run.state in HELD and state.sessions[run.session].status != OPEN:
            world = World(state)
            sweep(config, world, k)
            yield step(config, world, f"i{i} sweeps run {k}: {run.state} to {world.runs[k].state}")


# ------------------------------------------------------------------------------------ held


def ask_held(config: Config, state: State, i: int) -> Iterator[Step]:
    """Ask which runs the session holds, when their number is not what the instance believes."""
    instance = state.instances[i]
    if not config.held_reconciles or not state.up or instance.held is not None:
        return
    mine = held_runs(World(state), instance.session)
    asks_in_start = instance.at == STARTING and not config.held_spares_start
    believed = 0 if instance.at in {IDLE, CLAIMING} else 1
    if len(mine) == believed and not asks_in_start:
        return
    for k in mine:
        if k != instance.run or asks_in_start:
            world = World(state)
            world.change(i, held=HeldAnswer(k, state.runs[k].state, True))
            yield step(config, world, f"i{i} asks held: run {k} {state.runs[k].state}")


def act_on_held(config: Config, state: State, i: int) -> Iterator[Step]:
    instance = state.instances[i]
    held = instance.held
    if held is None:
        return
    is_free = not any(r.op in {"release", "complete as lost"} for r in state.requests)
    if is_free and (op := _mend(config, state, instance, held)):
        world = World(state)
        world.change(i, held=None)
        world.send(unawaited(op, held.run, held.token))
        yield step(config, world, f"i{i} sends {op}(run {held.run}), which it does not run")
    world = World(state)
    world.change(i, held=None)
    yield step(config, world, f"i{i} drops the answer to held")


def _mend(config: Config, state: State, instance: Instance, held: HeldAnswer) -> str | None:
    """How to end a run that the session holds and the instance does not carry out."""
    is_other = held.run != instance.run
    if held.state == CLAIMED:
        may_arrive = config.held_waits_for_call and instance.at == CLAIMING
        return "release" if is_other and not may_arrive else None
    is_starting = instance.at == STARTING and not config.held_spares_start
    was_entered = held.state == STARTED and state.entries[held.run] > 0
    if (is_other or is_starting) and (config.held_covers_ended or not was_entered):
        return "complete as lost"
    return None
