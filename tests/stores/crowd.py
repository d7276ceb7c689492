"""A crowd that works on one store at once, and what must hold of its records afterwards.

A store that takes its steps one after the other keeps these by itself. One that takes several at
once, under locks of single records, keeps them only if the locks are the right ones.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Iterable, Sequence

from cronfleet.model import (
    ACTIVE,
    Fire,
    Gap,
    JobName,
    Outcome,
    Reason,
    RunId,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.store import (
    ClaimItem,
    Completion,
    DueTick,
    Granted,
    HeldRun,
    Moved,
    NewSession,
    Order,
    PendingClaim,
    Start,
    Store,
    TickClaim,
)
from cronfleet.testing.samples import PROGRAM, TZDATA, report, start_id

LIMITS = {"one": 1, "two": 2, "many": 0}
"""The jobs, and how many of each may be active."""

_OUTCOMES = (Outcome.SUCCEEDED, Outcome.FAILED, Outcome.LOST)


class Member:
    """One instance of the crowd, on a store of its own."""

    def __init__(self, store: Store, seed: int) -> None:
        self._store = store
        self._random = random.Random(seed)
        self._session = SessionId("")
        self.granted: list[tuple[RunId, int, int]] = []
        """Run, attempt and token of every claim."""
        self.started: list[tuple[RunId, int]] = []
        """Run and attempt of every start."""

    async def work(self, rounds: int) -> None:
        await self._join()
        actions = [self._claim, self._claim, self._carry_on, self._carry_on, self._carry_on]
        for _ in range(rounds):
            action = self._random.choice([*actions, self._order, self._order, self._change])
            await action()

    async def _join(self) -> None:
        self._session = SessionId(secrets.token_hex(16))
        await self._store.join(NewSession(self._session, PROGRAM, "member", 10_000, TZDATA))
        await self._declare()

    async def _declare(self) -> None:
        edition = self._random.choice((1, 2))
        jobs = [
            report(name, first=1, limit=limit, edition=edition) for name, limit in LIMITS.items()
        ]
        await self._store.sync_jobs(self._session, PROGRAM, jobs)

    async def _claim(self) -> None:
        seen = await self._store.peek(PROGRAM, limit=20)
        items: list[ClaimItem] = [_next(due) for due in seen.due]
        items += [PendingClaim(pending.run) for pending in seen.pending]
        self._random.shuffle(items)
        for answer in await self._store.claim(self._session, items):
            if isinstance(answer, Granted):
                claim = answer.claim
                self.granted.append((claim.run, claim.attempt, claim.token))

    async def _carry_on(self) -> None:
        held = await self._store.held(self._session)
        for state, carry_on in (
            (RunState.CLAIMED, self._start_or_release),
            (RunState.STARTED, self._complete),
        ):
            await carry_on([each for each in held if each.state is state])

    async def _start_or_release(self, held: Sequence[HeldRun]) -> None:
        if self._random.random() < 0.2:
            await self._store.release([each.claim for each in held])
            return
        claims = [each.claim for each in held]
        asked = [Start(claim.run, claim.token, start_id()) for claim in claims]
        answers = await self._store.start(self._session, asked)
        self.started += [
            (claim.run, claim.attempt) for claim, yes in zip(claims, answers, strict=True) if yes
        ]

    async def _complete(self, held: Sequence[HeldRun]) -> None:
        retry = self._random.choice((None, None, 0))
        said = [
            Completion(each.claim.run, each.claim.token, self._random.choice(_OUTCOMES), retry)
            for each in held
        ]
        await self._store.complete(said)

    async def _order(self) -> None:
        name, order = self._random.choice(list(LIMITS)), Order(secrets.token_hex(4), "crowd")
        job = await self._store.job(name)
        if job is None or self._random.random() < 0.6:
            await self._store.trigger(name, order)
        elif not job.paused:
            await self._store.pause(name, order, self._random.choice((None, 2**42)))
        else:
            expected = job.expected.fire_time if job.expected else None
            await self._store.resume(
                name, Moved(job.generation, expected, job.expected, None), order
            )

    async def _change(self) -> None:
        """Die, declare otherwise, or clean up after others."""
        match self._random.randrange(3):
            case 0:
                await self._store.leave(self._session)
                await self._join()
            case 1:
                await self._declare()
            case _:
                await self._store.sweep()


def _next(due: DueTick) -> TickClaim:
    """The tick, or for every fifth the gap; the next follows a millisecond later."""
    at = due.expected.fire_time
    gap = Gap(at, at, 1, Reason.MISFIRE) if at % 5 == 0 else None
    return TickClaim(due.job, due.generation, at, None if gap else at, Fire(at + 1, at + 1), gap)


async def check(store: Store, members: Sequence[Member]) -> None:
    """What the crowd was granted, and what the store has recorded, fit."""
    claims = [each for member in members for each in member.granted]
    assert not _doubled(token for _, _, token in claims)
    assert not _doubled(each for member in members for each in member.started)
    for name, limit in LIMITS.items():
        runs = await _all_runs(store, name)
        await _check_job(store, name, limit, runs)
        ticks = {run.id.fire_time for run in runs if run.id.number == 0}
        assert ticks == {run.fire_time for run, *_ in claims if run.job == name and not run.number}
        skipped = [at for gap in await store.gaps(name, 1_000) for at in _instants(gap.gap)]
        assert not _doubled([*ticks, *skipped])


async def _check_job(store: Store, name: JobName, limit: int, runs: Sequence[RunRecord]) -> None:
    job = await store.job(name)
    assert job
    assert job.active == sum(run.state in ACTIVE for run in runs)
    assert not limit or job.active <= limit
    is_full = bool(limit) and job.active >= limit
    assert is_full or not any(run.state is RunState.WAITING for run in runs)


def _instants(gap: Gap) -> range:
    return range(gap.first, gap.last + 1)


async def _all_runs(store: Store, name: JobName) -> list[RunRecord]:
    runs: list[RunRecord] = []
    while page := await store.runs(name, limit=500, skip=len(runs)):
        runs += page
    return runs


def _doubled(things: Iterable[object]) -> list[object]:
    return [thing for thing, count in Counter(things).items() if count > 1]
