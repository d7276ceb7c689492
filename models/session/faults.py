"""What happens to the store, its clock, the instances and the messages; each fault has a budget."""

from __future__ import annotations

from collections.abc import Iterator

from explore import Step

from session.design import Config
from session.instance import rejoin, step
from session.network import apply, give_up
from session.sessions import end, is_alive
from session.state import (
    CLAIMING,
    DEAD,
    FAR_AHEAD,
    GIVEN_UP,
    HOLDING,
    IDLE,
    NOBODY,
    OPEN,
    STARTING,
    UNWATCHED,
    Instance,
    Request,
    Session,
    State,
    World,
    budget,
    own_slots,
    put,
)


def clock(config: Config, state: State) -> Iterator[Step]:
    """One unit of time passes, for the store's clock and for every boot clock."""
    world = World(state)
    if state.frozen:
        world.frozen -= 1
    else:
        world.clock = min(state.clock + 1, config.ticks - 1)
    world.sessions = tuple(
        _older_session(config, state, session) if _ages(config, s, session) else session
        for s, session in enumerate(state.sessions)
    )
    world.instances = tuple(
        _older_instance(config, i, instance) for i, instance in enumerate(state.instances)
    )
    world.answered = state.up
    if world.state() != state:
        yield step(config, world, "one unit of time passes")


def _ages(config: Config, s: int, session: Session) -> bool:
    belongs_to_watcher = config.roles and s in own_slots(1)
    return session.status == OPEN and not belongs_to_watcher


def _older_session(config: Config, state: State, session: Session) -> Session:
    runs_out = 0 < session.left < FAR_AHEAD and not state.frozen
    return Session(
        OPEN,
        session.left - runs_out,
        min(config.ttl, session.unrenewed + state.answered),
    )


def _older_instance(config: Config, i: int, instance: Instance, by: int = 1) -> Instance:
    never_ends = config.roles and i == 1
    renew_age = instance.renew_age
    return instance._replace(
        left=instance.left if never_ends else max(0, instance.left - by),
        renew_age=renew_age if renew_age < 0 else min(config.ttl, renew_age + by),
        watches=tuple(_older_watch(config, watch, by) for watch in instance.watches),
    )


def _older_watch(config: Config, watch: int, by: int) -> int:
    """A unit in which the store did not answer does not count: the watch begins anew."""
    age, was_answered = watch >> 1, watch & 1
    if watch == UNWATCHED or not (was_answered or not config.watch_needs_answers):
        return UNWATCHED
    return min(config.ttl, age + by) * 2


def store_returns(config: Config, state: State) -> Iterator[Step]:
    if not state.up:
        world = World(state)
        world.up = world.answered = True
        yield step(config, world, "the store answers again")


# ------------------------------------------------------------------------ the store's faults


def store_faults(config: Config, state: State) -> Iterator[Step]:
    if budget(state, "leap"):
        yield _leap(config, state)
    if budget(state, "back"):
        yield from _step_back(config, state)
    if budget(state, "outage") and state.up:
        world = World(state)
        world.spend("outage")
        world.up = False
        yield step(config, world, "STORE OUTAGE begins", is_fault=True)
    if budget(state, "failover"):
        for i, instance in enumerate(state.instances):
            if instance.at != DEAD and state.sessions[instance.session].status == OPEN:
                yield _fail_over(config, state, i)


def _leap(config: Config, state: State) -> Step:
    world = World(state)
    world.spend("leap")
    world.clock = min(state.clock + config.ttl, config.ticks - 1)
    for s, session in enumerate(state.sessions):
        if _ages(config, s, session) and session.left < FAR_AHEAD:
            world.set_session(s, session._replace(left=max(0, session.left - config.ttl)))
    return step(config, world, "STORE CLOCK LEAPS by a TTL", is_fault=True)


def _step_back(config: Config, state: State) -> Iterator[Step]:
    world = World(state)
    world.spend("back")
    world.frozen = config.ttl
    label = "STORE CLOCK STEPS BACK: frozen at the greatest time seen"
    yield step(config, world, label, is_fault=True)
    world = World(state)
    world.spend("back")
    world.clock = max(0, state.clock - 2)
    for s, session in enumerate(state.sessions):
        if session.status == OPEN:
            world.set_session(s, session._replace(left=FAR_AHEAD))
    label = "STORE CLOCK STEPS FAR BACK, is adopted: every expiry is far ahead"
    yield step(config, world, label, is_fault=True)


def _fail_over(config: Config, state: State, i: int) -> Step:
    """Instance i has its answer, but the store that goes on never saw the renewal."""
    world = World(state)
    world.spend("failover")
    s = state.instances[i].session
    world.set_session(s, state.sessions[s]._replace(unrenewed=0))
    world.change(i, left=config.ttl)
    world.instances = tuple(x._replace(knows_epoch=False) for x in world.instances)
    world.change_requests(lambda r: r.op == "close", lambda r: r._replace(current=False))
    label = f"i{i} renews, answered; FAILOVER forgets that renewal, the epoch rises"
    return step(config, world, label, is_fault=True)


# -------------------------------------------------------------------- the instances' faults


def instance_faults(config: Config, state: State, i: int) -> Iterator[Step]:
    instance = state.instances[i]
    if budget(state, "crash") and i == 0:  # They are alike: the first to be killed is called i0.
        yield _kill(config, state, i)
    if budget(state, "leave") and instance.at == IDLE:
        yield _leave(config, state, i)
    can_be_cloned = {STARTING} if config.clone_at_start else {IDLE, CLAIMING, HOLDING}
    if budget(state, "clone") and instance.at in can_be_cloned:
        yield _clone(config, state, i)
    if budget(state, "boot_leap"):
        world = World(state)
        world.spend("boot_leap")
        leapt = _older_instance(config, i, instance, by=config.ttl)
        world.instances = put(state.instances, i, leapt)
        yield step(config, world, f"i{i}'s BOOT CLOCK LEAPS by a TTL", is_fault=True)


def _kill(config: Config, state: State, i: int) -> Step:
    world = World(state)
    world.spend("crash")
    _vanish(world, i)
    return step(config, world, f"i{i} KILLED, {state.instances[i].at}", is_fault=True)


def _leave(config: Config, state: State, i: int) -> Step:
    world = World(state)
    world.spend("leave")
    end(config, world, state.instances[i].session)
    _vanish(world, i)
    return step(config, world, f"i{i} leaves", is_fault=True)


def _vanish(world: World, i: int) -> None:
    give_up(world, i)
    world.instances = put(world.instances, i, Instance(DEAD, NOBODY, 0))


def _clone(config: Config, state: State, i: int) -> Step:
    """A fork or a snapshot of the machine: what the original waits for, the clone never gets."""
    world = World(state)
    world.spend("clone")
    at = state.instances[i].at
    clone_at = {CLAIMING: IDLE, STARTING: HOLDING}.get(at, at)
    world.instances = put(state.instances, 1 - i, state.instances[i]._replace(at=clone_at))
    label = f"i{1 - i} is a CLONE of i{i}: same session, same claims"
    return step(config, world, label, is_fault=True)


def restart(config: Config, state: State, i: int) -> Iterator[Step]:
    if config.restarts and state.up and i < config.instances and not config.clone:
        world = World(state)
        world.change(i, at=IDLE)
        if rejoin(config, world, i):
            only_hope = config.instances == 1
            yield step(config, world, f"i{i} starts anew, joins", is_fault=not only_hope)


# ------------------------------------------------------------------------------ the network


def deliver(config: Config, state: State, request: Request) -> Iterator[Step]:
    requests = list(state.requests)
    requests.remove(request)
    if budget(state, "loss") and request.op != "close":
        world = World(state)
        world.spend("loss")
        world.requests = tuple(requests)
        yield step(config, world, f"REQUEST LOST: {_told(request)}", is_fault=True)
    if state.up:
        world = World(state)
        world.requests = tuple(requests)
        # The burial of the living is no help: who lives renews.
        buries = request.op == "close" and is_alive(world, request.target)
        note = apply(config, world, request)
        is_fault = buries and world.sessions[request.target].status != OPEN
        yield step(config, world, f"the store applies {_told(request)}: {note}", is_fault=is_fault)


def _told(request: Request) -> str:
    is_zombie = request.sender != NOBODY and request.waits == GIVEN_UP
    zombie = "a ZOMBIE " if is_zombie else ""
    subject = request.session if request.op == "renew" else request.target
    named = {"renew": "session", "close": "session", "resume": "next tick"}.get(request.op, "run")
    sender = "" if request.sender == NOBODY else f" of i{request.sender}"
    return f"{zombie}{request.op}({named} {subject}){sender}"


def lose_answers(config: Config, state: State) -> Iterator[Step]:
    if not budget(state, "loss"):
        return
    for answer in sorted(set(state.answers)):
        world = World(state)
        world.spend("loss")
        answers = list(state.answers)
        answers.remove(answer)
        world.answers = tuple(answers)
        label = f"ANSWER LOST: {answer.op} to i{answer.to}"
        yield step(config, world, label, is_fault=True)
