"""The session model, put together: which steps a state has, and what must hold of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from explore import Step

from session import faults, instance, keeping, verbs
from session import state as states
from session.design import Config
from session.state import (
    CHECKED,
    DEAD,
    ENDED,
    HELD,
    IDLE,
    LOST,
    NONE,
    OPEN,
    PENDING,
    RUNNING,
    STARTED,
    Instance,
    M,
    State,
    budget,
)

ACTIVE = HELD | {PENDING}


class SessionModel:
    """Two instances, one store, one job with a few ticks, and the faults that the bounds allow."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.watched = config.watched

    def initial(self) -> State:
        return states.initial(self.config)

    def steps(self, state: State) -> Iterator[Step]:
        config = self.config
        if self._is_over(state):
            return
        yield from faults.clock(config, state)
        yield from faults.store_returns(config, state)
        yield from faults.store_faults(config, state)
        yield from verbs.operator(config, state)
        yield from self._network(state)
        for i in (0, 1):
            yield from self._instance(state, i)

    def _network(self, state: State) -> Iterator[Step]:
        for request in _distinct(state.requests):
            yield from faults.deliver(self.config, state, request)
        for answer in _distinct(state.answers):
            yield from instance.receive(self.config, state, answer)
        yield from faults.lose_answers(self.config, state)

    def _instance(self, state: State, i: int) -> Iterator[Step]:
        config = self.config
        if state.instances[i].at == DEAD:
            yield from faults.restart(config, state, i)
            return
        yield from faults.instance_faults(config, state, i)
        yield from keeping.renew(config, state, i)
        yield from keeping.bury(config, state, i)
        yield from keeping.sweep_closed(config, state, i)
        yield from keeping.ask_held(config, state, i)
        yield from keeping.act_on_held(config, state, i)
        yield from instance.main_loop(config, state, i)

    def _is_over(self, state: State) -> bool:
        """Nothing can happen to the job any more."""
        return (
            self.is_settled(state)
            and all(x.at in {IDLE, DEAD} for x in state.instances)
            and not any(budget(state, verb) for verb in ("edit", "triggers", "repeat_trigger"))
            and not any(request.op in {"trigger", "resume"} for request in state.requests)
        )

    def is_settled(self, state: State) -> bool:
        """Every run has ended, and every tick too, unless the job is paused for ever."""
        stays_paused = state.job.is_paused and not self.config.resumes
        if state.job.is_paused and not stays_paused:
            return False
        makes_no_ticks = stays_paused or state.job.expected >= self.config.ticks
        return makes_no_ticks and all(run.state in ENDED or run.state == NONE for run in state.runs)

    def broken(self, state: State) -> list[str]:
        broken: list[str] = []
        a, b = state.instances
        is_limited = self.config.overlap != "allow"
        if is_limited and sum(run.state in ACTIVE for run in state.runs) > 1:
            broken.append("one_active")
        if (is_limited or a.run == b.run) and self._is_in_handler(a) and self._is_in_handler(b):
            broken.append("handlers")
            if all(x.token and state.runs[x.run].state == STARTED for x in (a, b)):
                broken.append("handlers_started")
        if any(self._is_disowned(state, x) for x in state.instances):
            broken.append("disowned")
        return broken

    def _is_in_handler(self, x: Instance) -> bool:
        stops = self.config.guards_effects
        return x.at == CHECKED or (x.at == RUNNING and (x.left > 0 or not stops))

    def _is_disowned(self, state: State, x: Instance) -> bool:
        """Its run was given away while its handler runs and its session is open."""
        if x.at != RUNNING or not x.token or not self._is_in_handler(x):
            return False
        run = state.runs[x.run]
        is_open = state.sessions[x.session].status == OPEN
        return is_open and (
            run.state == PENDING or (run.state == LOST and run.session == x.session)
        )


def _distinct(messages: tuple[M, ...]) -> list[M]:
    """Each message once; they are sorted, so equal ones are neighbours."""
    return [*messages[:1], *(later for earlier, later in pairwise(messages) if earlier != later)]
