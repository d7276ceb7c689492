"""The network delays and reorders; senders give up, and what they sent may still arrive."""

from __future__ import annotations

from session import runs, sessions
from session.design import Config
from session.state import (
    AWAITED,
    CLAIMED,
    CLOSED,
    ENDED,
    FREE,
    GIVEN_UP,
    HELD,
    NOBODY,
    NONE,
    OPEN,
    UNWATCHED,
    Answer,
    Request,
    Session,
    State,
    World,
    put,
)

CLAIMS = frozenset({"claim", "claim pending"})
COMPLETES = frozenset({"complete", "complete as failed"})
MAIN_CALLS = CLAIMS | COMPLETES | {"start"}  # Renewal has a connection of its own.

OPERATIONS = {
    "claim": runs.claim,
    "claim pending": runs.claim_pending,
    "start": runs.start,
    "complete": runs.complete,
    "complete as failed": runs.complete,
    "complete as lost": runs.complete,
    "release": runs.release,
    "trigger": runs.trigger,
    "resume": runs.resume,
    "renew": sessions.renew,
    "close": sessions.close,
}


def apply(config: Config, world: World, request: Request) -> str:
    """Let the store carry out `request`, and answer if its sender still waits; say what it did."""
    granted, note = OPERATIONS[request.op](config, world, request)
    if request.waits == AWAITED:
        is_renewal = request.op == "renew"
        answer = Answer(
            op=request.op,
            to=request.sender,
            session=request.session,
            target=request.target,
            token=granted if request.op in CLAIMS else request.token,
            granted=granted,
            open_sessions=sessions.open_sessions(world, request.session) if is_renewal else 0,
        )
        world.answers = tuple(sorted((*world.answers, answer)))
    return f"{'ok' if granted else 'no'}, {note}"


def give_up(world: World, i: int, ops: frozenset[str] | None = None) -> None:
    """Instance i no longer listens: its requests may still arrive, answers to it are gone."""
    world.change_requests(
        lambda r: r.sender == i and r.waits == AWAITED and (ops is None or r.op in ops),
        lambda r: r._replace(waits=GIVEN_UP),
    )
    world.answers = tuple(
        a for a in world.answers if a.to != i or (ops is not None and a.op not in ops)
    )


def zombies(state: State) -> int:
    return sum(request.waits == GIVEN_UP for request in state.requests)


def normal_form(config: Config, world: World) -> State:
    """Forget what can no longer matter, so that states that differ in nothing else are one."""
    for request in world.requests:
        if is_futile(config, world, request):
            world.requests = tuple(r for r in world.requests if not is_futile(config, world, r))
            break
    for s, session in enumerate(world.sessions):
        if session.status == CLOSED:
            _forget_closed(config, world, s)
        elif session.unrenewed and not _has_instance(world, s):
            world.set_session(s, session._replace(unrenewed=0))
    for i, instance in enumerate(world.instances):
        held = instance.held
        if held and (not held.token or world.runs[held.run].state != held.state):
            world.change(i, held=None)
    return world.state()


def _forget_closed(config: Config, world: World, s: int) -> None:
    if config.close_is_final:
        for i, instance in enumerate(world.instances):
            if instance.watches[s] != UNWATCHED:
                world.change(i, watches=put(instance.watches, s, UNWATCHED))
    if not is_named(world, s) and not sessions.held_runs(world, s):
        world.set_session(s, Session(FREE, 0, 0))
        world.runs = tuple(
            run._replace(session=NOBODY) if run.session == s else run for run in world.runs
        )


def _has_instance(world: World, s: int) -> bool:
    a, b = world.instances
    return s in (a.session, b.session)


def is_named(world: World, s: int) -> bool:
    """Whether an instance or a message under way still names session s."""
    return (
        _has_instance(world, s)
        or any(answer.session == s for answer in world.answers)
        or any(r.session == s or (r.op == "close" and r.target == s) for r in world.requests)
    )


def is_futile(config: Config, world: World, request: Request) -> bool:
    """Nobody waits for it, and the store would refuse it now and for ever, or to no effect."""
    if request.waits == AWAITED:
        return False
    op, target = request.op, request.target
    if op == "close":
        return config.close_is_final and world.sessions[target].status != OPEN
    if op in {"resume", "trigger"}:
        return _is_futile_verb(config, world, request)
    is_gone = (
        config.close_is_final
        and request.session != NOBODY
        and world.sessions[request.session].status != OPEN
    )
    if op in CLAIMS:
        return _is_futile_claim(config, world, request, is_gone)
    return is_gone if op == "renew" else _is_futile_write(config, world, request, is_gone)


def _is_futile_verb(config: Config, world: World, request: Request) -> bool:
    if request.op == "resume":
        return config.resume_checks_generation and not request.current
    return config.trigger_has_key and world.runs[request.target].state != NONE


def _is_futile_claim(config: Config, world: World, request: Request, is_gone: bool) -> bool:
    if is_gone and config.claim_checks_open:
        return True
    if request.op == "claim pending":
        return world.runs[request.target].state in ENDED
    return not request.current or (config.watermark and request.expected != world.job.expected)


def _is_futile_write(config: Config, world: World, request: Request, is_gone: bool) -> bool:
    state = world.runs[request.target].state
    if not config.tokens_fence:
        return state in ENDED
    if not request.token:
        return True
    if request.op == "start":
        return state != CLAIMED or (is_gone and config.start_checks_open)
    if request.op == "release":
        return state != CLAIMED
    return state not in HELD
