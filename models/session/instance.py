"""An instance: its main loop, and what it makes of the store's answers to it."""

from __future__ import annotations

from collections.abc import Iterator

from explore import Step

from session.design import Config
from session.network import (
    CLAIMS,
    COMPLETES,
    MAIN_CALLS,
    give_up,
    is_named,
    normal_form,
    zombies,
)
from session.sessions import any_active, open_sessions
from session.state import (
    AWAITED,
    CHECKED,
    CLAIMING,
    COMPLETING,
    FREE,
    GIVEN_UP,
    HOLDING,
    IDLE,
    NOBODY,
    OPEN,
    PENDING,
    RUNNING,
    SESSIONS,
    STARTED,
    STARTING,
    UNWATCHED,
    Answer,
    Request,
    Session,
    State,
    World,
    budget,
    own_slots,
    put,
)


def step(config: Config, world: World, label: str, *, is_fault: bool = False) -> Step:
    return Step(label, normal_form(config, world), world.broken, is_fault)


# ------------------------------------------------------------------------------- main loop


def main_loop(config: Config, state: State, i: int) -> Iterator[Step]:
    at = state.instances[i].at
    if at == IDLE:
        if state.up:
            yield from _claim_due(config, state, i)
            yield from _claim_pending(config, state, i)
    elif at in {CLAIMING, STARTING, COMPLETING}:
        yield from _time_out(config, state, i)
    elif at == HOLDING:
        yield from _start_or_give_up(config, state, i)
    else:
        yield from _run_handler(config, state, i)


def _claim_due(config: Config, state: State, i: int) -> Iterator[Step]:
    """Peek and claim: with misfire `latest` the newest tick that is due."""
    expected = state.job.expected
    now = state.clock + (i == 0 and not config.store_time_only)
    is_left_to_first = config.only_first_claims_ticks and i > 0
    if expected >= config.ticks or now < expected or state.job.is_paused or is_left_to_first:
        return
    newest_due = max(expected, min(state.clock, config.ticks - 1))
    fire_time = newest_due if config.misfire == "latest" else expected
    world = World(state)
    world.change(i, at=CLAIMING)
    world.send(
        Request(
            "claim",
            sender=i,
            session=state.instances[i].session,
            waits=AWAITED,
            target=fire_time,
            expected=expected,
            saw_active=not config.claim_checks_overlap and any_active(config, world),
        )
    )
    yield step(config, world, f"i{i} peeks, sends claim(tick {fire_time}, expected {expected})")


def _claim_pending(config: Config, state: State, i: int) -> Iterator[Step]:
    for k, run in enumerate(state.runs):
        if run.state == PENDING:
            world = World(state)
            world.change(i, at=CLAIMING)
            session = state.instances[i].session
            world.send(Request("claim pending", i, session, AWAITED, target=k))
            yield step(config, world, f"i{i} sends claim(pending run {k})")


def _time_out(config: Config, state: State, i: int) -> Iterator[Step]:
    at, session, _, k, token, *_ = state.instances[i]
    is_under_way = any(
        r.sender == i and r.waits == AWAITED and r.op in MAIN_CALLS for r in state.requests
    )
    if is_under_way and zombies(state) >= config.zombies:
        return
    world = World(state)
    give_up(world, i, MAIN_CALLS)
    if at == COMPLETING and config.complete_repeats:
        world.send(Request("complete", i, session, AWAITED, target=k, token=token))
        yield step(config, world, f"i{i}: complete timed out, sent again")
        return
    world.go_idle(i)
    yield step(config, world, f"i{i}: {at} timed out, dropped")
    if at == STARTING and config.repeats_start:
        world = World(state)
        give_up(world, i, MAIN_CALLS)
        world.change(i, at=HOLDING)
        yield step(config, world, f"i{i}: start timed out, to be repeated with its start id")


def _start_or_give_up(config: Config, state: State, i: int) -> Iterator[Step]:
    _, session, left, k, token, *_ = state.instances[i]
    if left > 0:
        world = World(state)
        world.change(i, at=STARTING)
        world.send(Request("start", i, session, AWAITED, target=k, token=token))
        yield step(config, world, f"i{i} sends start(run {k})")
    if left == 0 or config.gives_up_claims:
        world = World(state)
        world.go_idle(i)
        if config.gives_up_claims and zombies(state) < config.zombies:
            world.send(unawaited("release", k, token))
        yield step(config, world, f"i{i} gives up its claim of run {k}")


def unawaited(op: str, k: int, token: bool) -> Request:
    """A write about run k, of which nobody awaits the answer."""
    return Request(op, NOBODY, NOBODY, GIVEN_UP, target=k, token=token)


def _run_handler(config: Config, state: State, i: int) -> Iterator[Step]:
    at, _, left, k, *_ = state.instances[i]
    if config.guards_effects and at == RUNNING:
        if left == 0:
            world = World(state)
            world.go_idle(i)
            yield step(config, world, f"i{i} cancels the handler of run {k}: deadline passed")
            return
        if not config.deadline_check_is_atomic:
            world = World(state)
            world.change(i, at=CHECKED)
            yield step(config, world, f"i{i} looks at its deadline: {left} left")
            return
    yield _end_handler(config, state, i, "complete")
    if budget(state, "retry"):
        yield _end_handler(config, state, i, "complete as failed")


def _end_handler(config: Config, state: State, i: int, op: str) -> Step:
    _, session, _, k, token, *_ = state.instances[i]
    world = World(state)
    world.change(i, at=COMPLETING)
    if not token:
        world.broken.append("late_effect")
    world.send(Request(op, i, session, AWAITED, target=k, token=token))
    has_failed = op == "complete as failed"
    if has_failed:
        world.spend("retry")
    label = f"i{i} *** EFFECT of run {k} ***, the handler ends, sends {op}"
    return step(config, world, label, is_fault=has_failed)


# --------------------------------------------------------------------------------- answers


def receive(config: Config, state: State, answer: Answer) -> Iterator[Step]:
    world = World(state)
    answers = list(state.answers)
    answers.remove(answer)
    world.answers = tuple(answers)
    if answer.op == "renew":
        is_taken = _receive_renewal(config, world, answer)
    else:
        is_taken = _receive_in_main_loop(config, world, answer)
    if is_taken:
        verdict = "ok" if answer.granted else "no"
        yield step(config, world, f"i{answer.to} receives the answer to {answer.op}: {verdict}")


def _receive_renewal(config: Config, world: World, answer: Answer) -> bool:
    i = answer.to
    instance = world.instances[i]
    if not answer.granted:
        return rejoin(config, world, i)
    since_send = config.ttl - instance.renew_age
    left = max(instance.left, since_send) if config.deadline_from_send else config.ttl
    world.change(i, left=left, renew_age=-1)
    watch(config, world, i, answer.open_sessions, instance.renew_age)
    return True


def _receive_in_main_loop(config: Config, world: World, answer: Answer) -> bool:
    i, op = answer.to, answer.op
    at, left = world.instances[i].at, world.instances[i].left
    if op in CLAIMS and at == CLAIMING:
        if answer.granted:
            world.change(i, at=HOLDING, run=answer.target, token=answer.token)
            if not config.start_before_handler:
                _enter_handler(config, world, i)
        else:
            world.go_idle(i)
        return True
    if op == "start" and at == STARTING:
        if answer.granted and (left > 0 or not config.second_look_at_deadline):
            _enter_handler(config, world, i)
        else:
            world.go_idle(i)
        return True
    if op in COMPLETES and at == COMPLETING:
        world.go_idle(i)
        return True
    return False


def _enter_handler(config: Config, world: World, i: int) -> None:
    k = world.instances[i].run
    if not world.instances[i].token or world.runs[k].state != STARTED:
        world.broken.append("late_entry")
    world.change(i, at=RUNNING)
    world.entries = put(world.entries, k, min(2, world.entries[k] + 1))
    if world.entries[k] > 1 and not config.rerun:
        world.broken.append("at_most_once")


def rejoin(config: Config, world: World, i: int) -> bool:
    """Instance i has learnt that its session is closed: join a new one, if a slot is free."""
    s = next((s for s in own_slots(i) if _is_unused(world, s)), None)
    if s is None:
        return False
    world.set_session(s, Session(OPEN, config.ttl, 0))
    give_up(world, i, frozenset({"renew"}))
    at = world.instances[i].at
    handler_lives_on = at in {RUNNING, CHECKED} and not config.guards_effects
    if at != COMPLETING and not handler_lives_on:
        give_up(world, i, MAIN_CALLS)
        world.go_idle(i)
    world.change(i, session=s, left=config.ttl, renew_age=-1, held=None)
    watch(config, world, i, open_sessions(world, s), 0)
    return True


def _is_unused(world: World, s: int) -> bool:
    return world.sessions[s].status == FREE and not is_named(world, s)


def watch(config: Config, world: World, i: int, listed: int, answer_age: int) -> None:
    """Instance i got an answer that lists the open sessions, with their counters."""
    instance = world.instances[i]
    watches = [UNWATCHED] * len(SESSIONS)
    if not (config.roles and i == 0):
        must_restart = config.watch_restarts_at_epoch and not instance.knows_epoch
        first = (0 if config.watch_from_receipt else answer_age) * 2 + 1
        for s, age in enumerate(instance.watches):
            if s != instance.session and listed >> s & 1:
                watches[s] = first if age == UNWATCHED or must_restart else age | 1
    world.change(i, watches=tuple(watches), knows_epoch=True)
