"""A run's life in the store: claim, start, complete, release, trigger, each one atomic step."""

from __future__ import annotations

from session.design import Config
from session.sessions import (
    any_active,
    attempt_again,
    is_expired,
    is_open,
    may_try_again,
    promote,
)
from session.state import (
    CANCELLED,
    CLAIMED,
    LOST,
    NONE,
    PENDING,
    SKIPPED,
    STARTED,
    SUCCEEDED,
    WAITING,
    Job,
    Request,
    Run,
    World,
    put,
)


def claim(config: Config, world: World, request: Request) -> tuple[bool, str]:
    """Claim the due tick `request.target`; those from the expected one up to it are a gap."""
    if refusal := _refusal_of_claim(config, world, request):
        return False, refusal
    fire_time, job = request.target, world.job
    _note_what_a_claim_breaks(world, request)
    skip_ticks(world, request.expected, fire_time)
    world.job = Job(fire_time + 1, max(job.watermark, fire_time), job.is_paused)
    is_active = any_active(config, world) if config.claim_checks_overlap else request.saw_active
    if is_active and config.overlap == "replace":
        _make_way(config, world)
        is_active = any_active(config, world)
    if is_active:
        return False, _hold_back(config, world, fire_time)
    _grant(config, world, fire_time, request.session)
    return True, "granted"


def _refusal_of_claim(config: Config, world: World, request: Request) -> str:
    expected, watermark, is_paused = world.job
    fire_time = request.target
    is_fast = request.sender == 0 and not config.store_time_only
    now = world.clock + is_fast
    following_is_due = now > fire_time and fire_time + 1 < config.ticks
    refusals = (
        ("session not open", config.claim_checks_open and not is_open(world, request.session)),
        ("not as seen", expected != request.expected or not request.current),
        ("paused", config.claim_checks_paused and is_paused),
        ("not due", now < fire_time),
        ("at or below the watermark", config.watermark and fire_time <= watermark),
        ("following is due", following_is_due and not config.following_may_be_due),
    )
    return next((why for why, holds in refusals if holds), "")


def _note_what_a_claim_breaks(world: World, request: Request) -> None:
    fire_time = request.target
    if world.job.is_paused:
        world.broken.append("paused_tick")
    if world.clock < fire_time:
        world.broken.append("early")
    if not request.definition:
        world.broken.append("stale_definition")
    if fire_time <= world.job.watermark:
        world.broken.append("watermark")
    world.claims = put(world.claims, fire_time, min(2, world.claims[fire_time] + 1))
    if world.claims[fire_time] > 1:
        world.broken.append("claim_once")


def skip_ticks(world: World, first: int, following: int) -> None:
    for k in range(first, following):
        world.set_run(k, Run(SKIPPED))


def _hold_back(config: Config, world: World, fire_time: int) -> str:
    """The overlap rule of a due tick whose job is at its limit."""
    if config.overlap == "skip":
        world.set_run(fire_time, Run(SKIPPED))
        return "job active: skipped"
    if config.overlap in {"wait", "replace"}:
        _replace_waiting(config, world)
    world.set_run(fire_time, Run(WAITING))
    return "job active: waits"


def _replace_waiting(config: Config, world: World) -> None:
    replaceable = config.ticks if config.wait_replaces_ticks_only else len(world.runs)
    for k, run in enumerate(world.runs[:replaceable]):
        if run.state == WAITING:
            world.set_run(k, Run(SKIPPED))
            if k >= config.ticks:
                world.broken.append("manual_dropped")


def _make_way(config: Config, world: World) -> None:
    """The active tick ends: at once if nobody has started it, else its holder is asked to."""
    _replace_waiting(config, world)
    replaceable = config.ticks if config.replace_cancels_ticks_only else len(world.runs)
    for k, run in enumerate(world.runs[:replaceable]):
        if run.state in {PENDING, CLAIMED}:
            world.set_run(k, Run(CANCELLED))
            promote(config, world, allowed=True)
        elif run.state == STARTED:
            world.set_run(k, run._replace(is_asked=True))
        else:
            continue
        if k >= config.ticks:
            world.broken.append("manual_dropped")
        return


def claim_pending(config: Config, world: World, request: Request) -> tuple[bool, str]:
    if config.claim_checks_open and not is_open(world, request.session):
        return False, "session not open"
    if world.runs[request.target].state != PENDING:
        return False, "not pending"
    if world.job.is_paused and not config.pending_ignores_pause:
        return False, "paused"
    if any_active(config, world) and not config.pending_claim_is_free:
        return False, "job active"
    _grant(config, world, request.target, request.session)
    return True, "granted"


def _grant(config: Config, world: World, k: int, session: int) -> None:
    """Run k to CLAIMED under a new token: every copy of an older token of k is stale from now."""
    in_order = config.overlap == "wait_all" and k < config.ticks
    if in_order and any(run.state in {WAITING, PENDING} for run in world.runs[:k]):
        world.broken.append("out_of_order")
    world.set_run(k, Run(CLAIMED, session))
    for i, instance in enumerate(world.instances):
        if instance.token and instance.run == k:
            world.change(i, token=False)
        if instance.held and instance.held.run == k:
            world.change(i, held=instance.held._replace(token=False))
    for change in (world.change_requests, world.change_answers):
        change(lambda m: m.token and m.target == k, lambda m: m._replace(token=False))


def start(config: Config, world: World, request: Request) -> tuple[bool, str]:
    session, k, i = request.session, request.target, request.sender
    if config.start_checks_open and not is_open(world, session):
        return False, "session not open"
    if config.start_checks_unexpired and is_expired(config, world.sessions[session]):
        return False, "session expired"
    run = world.runs[k]
    if run.session != session or not _passes_fence(config, request):
        return False, "refused"
    if run.state == CLAIMED:
        world.set_run(k, Run(STARTED, session, starter=i))
        return True, "started"
    if run.state == STARTED and (run.starter == i or not config.start_id_checked):
        return True, "started already, same start id"
    return False, "refused"


def _passes_fence(config: Config, request: Request) -> bool:
    return request.token or not config.tokens_fence


def complete(config: Config, world: World, request: Request) -> tuple[bool, str]:
    """An outcome: success, a failure with a retry granted, or lost and never entered."""
    k, run = request.target, world.runs[request.target]
    if run.state != STARTED or not _passes_fence(config, request):
        return True, f"run is {run.state}: late or repeated"
    if not request.token:
        world.broken.append("stale_outcome")
    is_lost = request.op == "complete as lost"
    tries_again = request.op == "complete as failed" or (is_lost and config.rerun)
    if tries_again and may_try_again(config, world, k):
        attempt_again(world, k)
        return True, "pending, next attempt"
    world.set_run(k, Run(LOST, run.session) if is_lost else Run(SUCCEEDED))
    promote(config, world, allowed=config.promote_in_complete)
    return True, "settled"


def release(config: Config, world: World, request: Request) -> tuple[bool, str]:
    k = request.target
    if world.runs[k].state != CLAIMED or not _passes_fence(config, request):
        return False, "refused"
    if any(a.target == k and a.token and a.granted for a in world.answers):
        world.broken.append("claim_taken_back")
    world.set_run(k, Run(PENDING))
    return True, "pending again"


def trigger(config: Config, world: World, request: Request) -> tuple[bool, str]:
    k = request.target
    if world.runs[k].state != NONE:
        if not config.trigger_has_key:
            world.broken.append("triggered_twice")
        return False, "its key is known"
    waits = config.trigger_checks_limit and any_active(config, world)
    world.set_run(k, Run(WAITING if waits else PENDING))
    return True, "waiting" if waits else "pending"


def resume(config: Config, world: World, request: Request) -> tuple[bool, str]:
    """Ticks due in the pause are a gap, from the expected one up to `request.target`."""
    job, following = world.job, request.target
    if not job.is_paused or job.expected != request.expected:
        return False, "not as seen"
    if config.resume_checks_generation and not request.current:
        return False, "another generation"
    if not request.current:
        world.broken.append("resumed_unseen")
    if not request.definition:
        world.broken.append("stale_definition")
    skip_ticks(world, job.expected, following)
    world.job = Job(following, max(job.watermark, following - 1), False)
    raise_generation(world)
    return True, "resumed"


def raise_generation(world: World) -> None:
    world.change_requests(
        lambda request: request.op in {"claim", "resume"},
        lambda request: request._replace(current=False),
    )
