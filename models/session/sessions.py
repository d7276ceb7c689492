"""Sessions in the store: open, prolonged, expired, closed for ever."""

from __future__ import annotations

from session.design import Config
from session.state import (
    CLAIMED,
    CLOSED,
    DEAD,
    HELD,
    LOST,
    OPEN,
    PENDING,
    SESSIONS,
    SKIPPED,
    UNWATCHED,
    WAITING,
    Request,
    Run,
    Session,
    World,
    put,
)


def is_open(world: World, s: int) -> bool:
    return world.sessions[s].status == OPEN


def is_expired(config: Config, session: Session) -> bool:
    return session.left <= 0 or (config.far_expiry_is_expired and session.left > config.ttl)


def open_sessions(world: World, but: int) -> int:
    """The open sessions as bits, as `renew` lists them to session `but`."""
    return sum(1 << s for s in SESSIONS if is_open(world, s) and s != but)


def is_alive(world: World, s: int) -> bool:
    return any(x.session == s and x.at != DEAD for x in world.instances)


def renew(config: Config, world: World, request: Request) -> tuple[bool, str]:
    status = world.sessions[request.session].status
    if status == OPEN or (status == CLOSED and not config.close_is_final):
        prolong(config, world, request.session)
        return True, "renewed"
    return False, "closed"


def prolong(config: Config, world: World, s: int) -> None:
    """The counter of session s rises: watches, answers and closes with the old one are void."""
    world.set_session(s, Session(OPEN, config.ttl, 0))
    if config.close_checks_counter:
        for i, instance in enumerate(world.instances):
            if instance.watches[s] != UNWATCHED:
                world.change(i, watches=put(instance.watches, s, UNWATCHED))
        world.requests = tuple(r for r in world.requests if r.op != "close" or r.target != s)
    world.change_answers(
        lambda answer: answer.op == "renew",
        lambda answer: answer._replace(open_sessions=answer.open_sessions & ~(1 << s)),
    )


def close(config: Config, world: World, request: Request) -> tuple[bool, str]:
    s, session = request.target, world.sessions[request.target]
    is_refused = (
        session.status != OPEN
        or (config.close_checks_expiry and not is_expired(config, session))
        or (config.close_checks_epoch and not request.current)
    )
    if is_refused:
        return False, "refused"
    if session.unrenewed < config.ttl and is_alive(world, s):
        world.broken.append("buried_alive")
    end(config, world, s)
    return True, "closed"


def end(config: Config, world: World, s: int) -> None:
    """Close session s, whoever asked for it."""
    world.set_session(s, Session(CLOSED, 0, 0))
    if not config.sweep_repeatable:
        for k in held_runs(world, s):
            sweep(config, world, k)


def held_runs(world: World, s: int) -> list[int]:
    return [k for k, run in enumerate(world.runs) if run.session == s and run.state in HELD]


def sweep(config: Config, world: World, k: int) -> None:
    """Take run k back from a session that is closed."""
    run = world.runs[k]
    if run.state == CLAIMED:
        world.set_run(k, Run(PENDING))
    elif config.rerun and may_try_again(config, world, k):
        attempt_again(world, k)
    else:
        world.set_run(k, Run(LOST, run.session))
        promote(config, world, allowed=config.promote_in_sweep)


def may_try_again(config: Config, world: World, k: int) -> bool:
    is_asked = world.runs[k].is_asked
    if is_asked and not config.asked_ends:
        world.broken.append("cancel_undone")
    return not (is_asked and config.asked_ends)


def attempt_again(world: World, k: int) -> None:
    """STARTED to PENDING: a retry, or a loss of a job whose handler is idempotent."""
    world.set_run(k, Run(PENDING))
    world.entries = put(world.entries, k, 0)


def any_active(config: Config, world: World) -> bool:
    """Whether the job is at its limit of one active run."""
    return config.overlap != "allow" and any(
        run.state in HELD or (run.state == PENDING and config.pending_is_active)
        for run in world.runs
    )


def promote(config: Config, world: World, *, allowed: bool) -> None:
    """The step that lowers the active count lets the oldest waiting run go on."""
    if not allowed or any_active(config, world):
        return
    for k, run in enumerate(world.runs):
        if run.state == WAITING:
            world.set_run(k, Run(PENDING) if run.is_wanted else Run(SKIPPED))
            if run.is_wanted or not config.promote_passes_stale:
                return
