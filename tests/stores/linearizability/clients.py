"""Clients that ask one store about one job at once, with stale tokens and without patience."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cronfleet import store as contract
from cronfleet.model import Claim, Kind, Outcome, RunId, SessionId, StartId
from cronfleet.store import Completion, IfActive, PendingClaim, Start, Store
from cronfleet.testing.samples import PROGRAM, join, order, report, start_id, the_job, tick
from tests.stores.linearizability import model
from tests.stores.linearizability.history import FIRST, LIMIT, History
from tests.stores.linearizability.model import STEP_MS, Answer, Call

Choice = TypeVar("Choice")

JOB = "raced"
CALLS = 30
"""Rounds of each client in one history; most are one call, some two."""
SELDOM = 0.04
IMPATIENCE_S = 0.004
"""Who gives up, waits for so long at most."""


@dataclass(frozen=True)
class Line:
    """A client's way to the store."""

    store: Store
    lose_next_reply: Callable[[], object] = bool  # Called for nothing where none can be lost.
    until_ended: Callable[[], Awaitable[None]] | None = None
    """Of a store that takes steps side by side: waits until no call of this client is under way."""


@dataclass(frozen=True)
class Held:
    """A claim that somebody was granted: whoever finds it shows its token, stale or not."""

    session: SessionId
    run: RunId
    token: int
    start_id: StartId


class Client:
    """Asks one thing after the other; what it was granted lies open for all."""

    def __init__(self, name: str, line: Line, history: History, claims: list[Held]) -> None:
        """What it asks is drawn by its name."""
        self._name = name
        self._store = line.store
        self._line = line
        self._history = history
        self._claims = claims
        self._random = random.Random(name)
        self._session = SessionId("")
        self._keys = 0

    async def join(self) -> None:
        self._session = await join(self._store, self._name)
        first = report(JOB, first=FIRST, limit=LIMIT, shards=self._history.shards)
        await self._store.sync_jobs(self._session, PROGRAM, [first])

    async def work(self) -> None:
        often = [self._claim_tick, self._start, self._complete]
        seldom = [self._claim_run, self._release, self._trigger, self._cancel]
        seldom += [self._look, self._held]
        for _ in range(CALLS):
            await self._draw([*3 * often, *seldom])()

    # --- what it does

    async def _claim_tick(self) -> None:
        looked = await self._look()
        if isinstance(looked, model.Looked):
            if_active = self._draw(tuple(IfActive))
            call = model.ClaimTick(self._session, looked.expected, if_active)
            item = tick(JOB, looked.expected, following=looked.expected + STEP_MS)
            item = replace(item, if_active=if_active)
            await self._claimed(call, item)

    async def _claim_run(self) -> None:
        pending = (await self._store.peek(PROGRAM, limit=9)).pending
        if pending:
            run = self._draw(pending).run
            await self._claimed(model.ClaimRun(self._session, run), PendingClaim(run))

    async def _claimed(self, call: Call, item: contract.ClaimItem) -> None:
        """What an answer that did not come had granted is found by asking for it."""
        answer = await self._ask(call, claim(self._store, self._session, item))
        if isinstance(answer, model.Granted):
            self._keep(answer.run, answer.token)
        elif answer is None:
            await self._held()

    async def _held(self) -> None:
        answer = await self._ask(model.Held(self._session), held(self._store, self._session))
        if isinstance(answer, frozenset):
            for run, token, _ in answer:
                self._keep(run, token)

    def _keep(self, run: RunId, token: int) -> None:
        if all(each.token != token for each in self._claims):
            self._claims.append(Held(self._session, run, token, start_id()))

    async def _start(self) -> None:
        for mine in self._drawn():
            await self._ask(
                model.StartRun(mine.session, mine.run, mine.token, mine.start_id),
                start(self._store, mine),
            )

    async def _complete(self) -> None:
        outcome = self._draw([Outcome.SUCCEEDED, Outcome.FAILED])
        for mine in self._drawn():
            call = model.Complete(mine.run, mine.token, outcome)
            await self._ask(call, complete(self._store, mine, outcome))

    async def _release(self) -> None:
        for mine in self._drawn():
            call = model.Release(mine.run, mine.token)
            await self._ask(call, release(self._store, mine))

    async def _trigger(self) -> None:
        """Ordered twice under one key: one run."""
        self._keys += 1
        key = f"{self._name}-{self._keys}"
        for _ in range(2):
            await self._ask(model.Trigger(key), trigger(self._store, key))

    async def _cancel(self) -> None:
        """One of the last claims' runs, or the tick that it is a shard of; twice under one key."""
        for mine in self._drawn():
            run = self._draw([mine.run, mine.run.whole])
            self._keys += 1
            key = f"{self._name}-{self._keys}"
            for _ in range(2):
                await self._ask(model.Cancel(key, run), cancel(self._store, run, key))

    async def _look(self) -> Answer | None:
        return await self._ask(model.Look(), look(self._store))

    # --- how it asks

    async def _ask(self, call: Call, asking: Coroutine[Any, Any, Answer]) -> Answer | None:
        if self._random.random() < SELDOM:
            self._line.lose_next_reply()
        patience_s = None
        if self._random.random() < SELDOM:
            patience_s = self._random.random() * IMPATIENCE_S
        answer = await self._history.tell(self._name, call, asking, patience_s)
        if answer is None and self._line.until_ended:
            await self._line.until_ended()
            self._history.ended(self._name)
        return answer

    def _draw(self, choices: Sequence[Choice]) -> Choice:
        return self._random.choice(choices)

    def _drawn(self) -> list[Held]:
        """One of the last claims, if there is any."""
        return [self._draw(self._claims[-4:])] if self._claims else []


# --- the store's answers in the words of the model -----------------------------------------------


async def claim(store: Store, session: SessionId, item: contract.ClaimItem) -> Answer:
    (answer,) = await store.claim(session, [item])
    if isinstance(answer, contract.Granted):
        return model.Granted(answer.claim.run, answer.claim.token)
    if isinstance(answer, contract.Waiting):
        return "waiting"
    return "skipped" if isinstance(answer, contract.Skipped) else answer.value


async def held(store: Store, session: SessionId) -> Answer:
    runs = await store.held(session)
    return frozenset((each.claim.run, each.claim.token, each.state) for each in runs)


async def start(store: Store, mine: Held) -> Answer:
    (answer,) = await store.start(mine.session, [Start(mine.run, mine.token, mine.start_id)])
    return answer


async def complete(store: Store, mine: Held, outcome: Outcome) -> Answer:
    (answer,) = await store.complete([Completion(mine.run, mine.token, outcome)])
    return answer.value


async def release(store: Store, mine: Held) -> Answer:
    (answer,) = await store.release([Claim(mine.run, Kind.TICK, mine.token, 1, "")])
    return answer


async def trigger(store: Store, key: str) -> Answer:
    answer = await store.trigger(JOB, order(key))
    assert isinstance(answer, contract.Triggered)
    return model.Triggered(answer.run, answer.state)


async def cancel(store: Store, run: RunId, key: str) -> Answer:
    return (await store.cancel(run, order(key))).value


async def look(store: Store) -> Answer:
    job = await the_job(store, JOB)
    assert job.expected
    return model.Looked(job.expected.fire_time, job.active)


async def live(lines: Sequence[Line], seed: int = 0, shards: int = 1) -> History:
    """One history: all clients at work at once, until each has asked its fill."""
    passes_over = any(line.until_ended for line in lines)
    history, claims = History(shards, passes_over=passes_over), list[Held]()
    clients = [Client(f"client-{seed}-{n}", line, history, claims) for n, line in enumerate(lines)]
    for client in clients:
        await client.join()
    working: list[Awaitable[None]] = [client.work() for client in clients]
    await asyncio.gather(*working)
    return history
