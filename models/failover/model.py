"""What a failover can take back: asynchronous replicas, WAIT, tokens, and the taking of own claims.

Two instances, one job, a primary and its replicas, each of which copies the primary's whole state at
any moment or never. This is an earlier form of the protocol, with a lease of its own for each run and
`recover` in the place of close and sweep: the session model asks the rest, this one what replication
does to claim and start. Time has a horizon, so it says nothing of liveness.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from explore import Step

from failover.state import (
    CHECKED,
    CLAIMED,
    CLAIMING,
    COMPLETING,
    DEAD,
    ENDED,
    HOLDING,
    IDLE,
    LOST,
    NOBODY,
    NONE,
    PEEKED,
    PRIMARY,
    RUNNING,
    STARTED,
    STARTING,
    SUCCEEDED,
    TOKENS_PER_UNIT,
    WAITS,
    Answer,
    Config,
    Instance,
    Request,
    Run,
    State,
    Store,
)


class FailoverModel:
    """One tick, due at 1, and all that replication can do to its claim."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watched = config.watched

    def initial(self) -> State:
        config = self.config
        store = Store(True, 0, 0, Run(NONE))
        return State(
            now=0,
            stores=(store,) * (1 + config.replicas),
            primary_is_up=True,
            promoted=NOBODY,
            instances=(Instance(IDLE), Instance(IDLE)),
            requests=(),
            answers=(),
            crashes=config.crashes,
            losses=config.losses,
            failovers=config.failovers,
            claims=0,
            effects=(),
            granted=frozenset(),
        )

    def is_settled(self, state: State) -> bool:
        return state.stores[PRIMARY].run.state in {SUCCEEDED, LOST}

    def broken(self, state: State) -> list[str]:
        run = state.stores[PRIMARY].run
        holds = {
            "claim_once": state.claims <= 1,
            "at_most_once": len(state.effects) <= 1,
            "token_unique": len({token for token, _ in state.granted}) == len(state.granted),
            "effects_in_order": list(state.effects) == sorted(state.effects),
            "lost_unentered": run.state != LOST
            or bool(state.effects)
            or self.config.start_before_handler,
        }
        return [name for name, is_kept in holds.items() if not is_kept]

    def steps(self, state: State) -> Iterator[Step]:
        if state.now < self.config.time:
            yield Step("one unit of time passes", state._replace(now=state.now + 1))
        if state.promoted == NOBODY:
            yield from self._replicate(state)
            if state.failovers:
                yield from self._fail_over(state)
        yield from self._network(state)
        for i in (0, 1):
            yield from self._instance(state, i)

    # ------------------------------------------------------------------------ replication

    def _replicate(self, state: State) -> Iterator[Step]:
        primary = state.stores[PRIMARY]
        for r in range(1, len(state.stores)):
            if state.stores[r] != primary:
                answers = tuple(
                    a._replace(acks=a.acks | 1 << r) if a.store == PRIMARY else a
                    for a in state.answers
                )
                copied = _put(state.stores, r, primary)
                after = state._replace(stores=copied, answers=tuple(sorted(answers)))
                yield Step(f"replica {r} copies the primary", after)

    def _fail_over(self, state: State) -> Iterator[Step]:
        for r in range(1, len(state.stores)):
            after = state._replace(
                now=state.now + self.config.failover_outlasts_skew,
                promoted=r,
                primary_is_up=self.config.splits,
                failovers=state.failovers - 1,
            )
            beside = ", the old primary goes on" if self.config.splits else ""
            yield Step(f"FAILOVER: replica {r} is promoted{beside}", after)

    def _is_up(self, state: State, store: int) -> bool:
        return store != PRIMARY or state.primary_is_up

    # ---------------------------------------------------------------------------- network

    def _network(self, state: State) -> Iterator[Step]:
        for request in sorted(set(state.requests)):
            rest = _without(state.requests, request)
            if self._is_up(state, request.store):
                yield self._apply(state._replace(requests=rest), request)
            if state.losses:
                lost = state._replace(requests=rest, losses=state.losses - 1)
                yield Step(f"REQUEST LOST: {request.op} of i{request.sender}", lost)
        for answer in sorted(set(state.answers)):
            if self._may_arrive(answer):
                yield from self._receive(state, answer)

    def _may_arrive(self, answer: Answer) -> bool:
        """WAIT holds an answer back until enough replicas have what it speaks of."""
        is_gated = answer.store == PRIMARY and answer.token and answer.op != "complete"
        needs_acks = is_gated and (answer.wrote or self.config.taking_waits)
        return not needs_acks or answer.acks.bit_count() >= self.config.acks_needed

    def _apply(self, state: State, request: Request) -> Step:
        store = state.stores[request.store]
        after, token = OPERATIONS[request.op](self, state, store, request)
        ghosts = self._seen(state, store, after, request)
        done = state._replace(stores=_put(state.stores, request.store, after), **ghosts)
        if request.is_awaited:
            acks = sum(1 << r for r in range(1, len(done.stores)) if done.stores[r] == after)
            answer = Answer(request.op, request.sender, request.store, token, after != store, acks)
            done = done._replace(answers=tuple(sorted((*state.answers, answer))))
        zombie = "" if request.is_awaited else "a ZOMBIE "
        verdict = f"ok, token {token}" if token else "no"
        label = (
            f"store {request.store} applies {zombie}{request.op} of i{request.sender}: {verdict}"
        )
        return Step(label, done)

    def _seen(self, state: State, before: Store, after: Store, request: Request) -> dict[str, Any]:
        if before.token == after.token:
            return {}
        granted = state.granted | {(after.token, request.sender)}
        return {"granted": granted, "claims": min(3, state.claims + (request.op == "claim"))}

    # ------------------------------------------------------------------- the store's steps

    def claim(self, state: State, store: Store, request: Request) -> tuple[Store, int]:
        run, i = store.run, request.sender
        if store.is_claimable and state.now >= 1:
            return self._granted(state, store, i)
        is_own = run.owner == i and run.state == CLAIMED and state.now <= run.lease
        return store, run.token if self.config.takes_own_claims and is_own else 0

    def _granted(self, state: State, store: Store, i: int) -> tuple[Store, int]:
        token = store.token + 1
        if self.config.hybrid_tokens:
            token = max(token, state.now * TOKENS_PER_UNIT + 1)
        marks = CLAIMED if self.config.start_before_handler else STARTED
        run = Run(marks, i, token, state.now + self.config.lease)
        return Store(False, token, store.writes + 1, run), token

    def start(self, state: State, store: Store, request: Request) -> tuple[Store, int]:
        run, i, token = store.run, request.sender, request.token
        if run.token != token or run.owner != i or state.now > run.lease:
            return store, 0
        if run.state == CLAIMED:
            return _written(store, Run(STARTED, i, token, state.now + self.config.lease)), token
        is_own = run.state == STARTED and self.config.takes_own_claims
        return store, token if is_own else 0

    def complete(self, state: State, store: Store, request: Request) -> tuple[Store, int]:
        run, token = store.run, request.token
        if run.token != token or run.owner != request.sender or run.state != STARTED:
            return store, 0
        return _written(store, Run(SUCCEEDED, run.owner, token)), token

    def recover(self, state: State, store: Store, request: Request) -> tuple[Store, int]:
        run = store.run
        if run.state not in {CLAIMED, STARTED} or state.now <= run.lease:
            return store, 0
        if run.state == CLAIMED or self.config.rerun:
            return self._granted(state, store, request.sender)
        return _written(store, Run(LOST, run.owner, run.token)), 0

    # -------------------------------------------------------------------------- instances

    def _receive(self, state: State, answer: Answer) -> Iterator[Step]:
        i, token = answer.to, answer.token
        x = state.instances[i]
        deadline = x.sent + self.config.lease
        if answer.op in {"claim", "recover"} and x.at == CLAIMING:
            holds = HOLDING if self.config.start_before_handler else RUNNING
            after = Instance(holds, x.store, token, deadline) if token else Instance(IDLE, x.store)
        elif answer.op == "start" and x.at == STARTING:
            after = (
                Instance(RUNNING, x.store, token, deadline) if token else Instance(IDLE, x.store)
            )
        elif answer.op == "complete" and x.at == COMPLETING:
            after = Instance(IDLE, x.store)
        else:
            return
        rest = state._replace(answers=_without(state.answers, answer))
        verdict = f"token {token}" if token else "no"
        yield Step(f"i{i} receives the answer to {answer.op}: {verdict}", _moved(rest, i, after))

    def _instance(self, state: State, i: int) -> Iterator[Step]:
        x = state.instances[i]
        if x.at == DEAD:
            anew = Instance(IDLE, max(PRIMARY, state.promoted))
            yield Step(f"i{i} starts anew", _moved(state, i, anew))
            return
        if state.crashes:
            killed = _given_up(state._replace(crashes=state.crashes - 1), i)
            yield Step(f"i{i} KILLED, {x.at}", _moved(killed, i, Instance(DEAD)))
        if state.promoted not in {NOBODY, x.store} and x.at in {IDLE, PEEKED, HOLDING, ENDED}:
            moved = x._replace(store=state.promoted)
            yield Step(f"i{i} learns of the new primary", _moved(state, i, moved))
        if x.at in WAITS:
            yield from self._time_out(state, i)
        else:
            yield from MAIN_LOOP[x.at](self, state, i)

    def _time_out(self, state: State, i: int) -> Iterator[Step]:
        if any(not request.is_awaited for request in state.requests):
            return  # One zombie at a time.
        x, takes = state.instances[i], self.config.takes_own_claims
        after = Instance(IDLE, x.store)
        if x.at == COMPLETING:
            after = x._replace(at=ENDED, sent=0)
        elif x.at == CLAIMING and takes:
            after = Instance(PEEKED, x.store)
        elif x.at == STARTING and takes:
            after = x._replace(at=HOLDING, sent=0)
        yield Step(f"i{i}: {x.at}, timed out", _moved(_given_up(state, i), i, after))

    def idle(self, state: State, i: int) -> Iterator[Step]:
        x = state.instances[i]
        store = state.stores[x.store]
        if not self._is_up(state, x.store):
            return
        if store.is_claimable and state.now >= 1:
            yield Step(f"i{i} peeks, the tick is due", _moved(state, i, x._replace(at=PEEKED)))
        if store.run.state in {CLAIMED, STARTED} and state.now > store.run.lease:
            yield self._sent(state, i, "recover", CLAIMING)

    def peeked(self, state: State, i: int) -> Iterator[Step]:
        yield self._sent(state, i, "claim", CLAIMING)

    def holding(self, state: State, i: int) -> Iterator[Step]:
        x = state.instances[i]
        if state.now < x.deadline:
            yield self._sent(state, i, "start", STARTING)
        else:
            dropped = _moved(state, i, Instance(IDLE, x.store))
            yield Step(f"i{i} drops its claim, its deadline has passed", dropped)

    def running(self, state: State, i: int) -> Iterator[Step]:
        x = state.instances[i]
        if state.now < x.deadline:
            yield Step(
                f"i{i} looks at its deadline: fine", _moved(state, i, x._replace(at=CHECKED))
            )
        else:
            stopped = _moved(state, i, Instance(IDLE, x.store))
            yield Step(f"i{i} cancels its handler, its deadline has passed", stopped)

    def checked(self, state: State, i: int) -> Iterator[Step]:
        x = state.instances[i]
        if self.config.resource_checks_token and state.effects and x.token < max(state.effects):
            refused = _moved(state, i, Instance(IDLE, x.store))
            yield Step(f"i{i}: its effect is refused by the resource", refused)
        elif len(state.effects) < 3:
            done = _moved(state, i, x._replace(at=ENDED))
            effects = (*state.effects, x.token)
            yield Step(f"i{i} *** EFFECT ***, token {x.token}", done._replace(effects=effects))

    def ended(self, state: State, i: int) -> Iterator[Step]:
        yield self._sent(state, i, "complete", COMPLETING)
        gone = _moved(state, i, Instance(IDLE, state.instances[i].store))
        yield Step(f"i{i} gives its outcome up", gone)

    def _sent(self, state: State, i: int, op: str, at: str) -> Step:
        x = state.instances[i]
        request = Request(op, i, True, x.store, x.token)
        sent = state._replace(requests=tuple(sorted((*state.requests, request))))
        return Step(f"i{i} sends {op}", _moved(sent, i, x._replace(at=at, sent=state.now)))


OPERATIONS = {
    "claim": FailoverModel.claim,
    "start": FailoverModel.start,
    "complete": FailoverModel.complete,
    "recover": FailoverModel.recover,
}
MAIN_LOOP = {
    IDLE: FailoverModel.idle,
    PEEKED: FailoverModel.peeked,
    HOLDING: FailoverModel.holding,
    RUNNING: FailoverModel.running,
    CHECKED: FailoverModel.checked,
    ENDED: FailoverModel.ended,
}


def _put(values: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*values[:index], value, *values[index + 1 :])


def _without(messages: tuple[Any, ...], message: Any) -> tuple[Any, ...]:
    at = messages.index(message)
    return messages[:at] + messages[at + 1 :]


def _moved(state: State, i: int, instance: Instance) -> State:
    return state._replace(instances=_put(state.instances, i, instance))


def _given_up(state: State, i: int) -> State:
    """Instance i no longer listens: its requests may still arrive, answers to it are gone."""
    requests = (r._replace(is_awaited=False) if r.sender == i else r for r in state.requests)
    return state._replace(
        requests=tuple(sorted(requests)), answers=tuple(a for a in state.answers if a.to != i)
    )


def _written(store: Store, run: Run) -> Store:
    return store._replace(writes=store.writes + 1, run=run)
