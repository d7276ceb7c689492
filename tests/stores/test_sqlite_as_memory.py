"""Whatever is asked of it, the SQLite store answers as the reference in memory does."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from cronfleet.clock import ManualClock
from cronfleet.model import (
    Claim,
    Fire,
    Gap,
    History,
    JobRecord,
    OnLost,
    Outcome,
    Reason,
    SessionId,
    StartId,
)
from cronfleet.store import (
    Completion,
    Declaration,
    Moved,
    NewSession,
    Order,
    PendingClaim,
    Start,
    Store,
    TickClaim,
)
from cronfleet.stores.memory import MemoryStore
from cronfleet.stores.sqlite import SqliteStore

Question = Callable[[Store], Awaitable[object]]
Questions = dict[str, Question]
Choice = TypeVar("Choice")

SESSIONS = tuple(SessionId(letter * 32) for letter in "abc")
JOBS = ("a", "a-b", "b", "c:d")
OFTEN = {
    "join": 4,
    "renew": 8,
    "trigger": 4,
    "resume": 4,
    "claim ticks": 20,
    "claim": 10,
    "start": 12,
    "complete": 12,
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(8))
async def test_any_history_is_answered_alike(quick_path: Path, seed: int) -> None:
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
    memory, sqlite = MemoryStore(clock), SqliteStore(quick_path / "cronfleet.db", clock=clock)
    await sqlite.open()
    dice = Dice(random.Random(seed), clock, memory)
    for turn in range(250):
        dice.pass_time()
        name, question = await dice.question()
        expected = await question(memory)
        assert await question(sqlite) == expected, f"turn {turn}: {name}"
    await sqlite.aclose()


async def renewed(store: Store, session: SessionId) -> object:
    with closing(store.renewer()) as renewer:
        renewal = renewer.renew(session)
    return renewal and replace(renewal, info=replace(renewal.info, id="each has its own"))


class Dice:
    """Throws questions that make sense often enough for long histories."""

    def __init__(self, dice: random.Random, clock: ManualClock, memory: MemoryStore) -> None:
        self._random = dice
        self._clock = clock
        self._memory = memory

    def pass_time(self) -> None:
        if self._random.random() < 0.5:
            self._clock.advance(timedelta(milliseconds=self._one_of((1, 700, 3_000))))
        if self._random.random() < 0.02:
            self._clock.leap(timedelta(seconds=self._one_of((-70, -30, 90))))

    async def question(self) -> tuple[str, Question]:
        session, name = self._one_of(SESSIONS), self._one_of(JOBS)
        job = await self._memory.job(name)
        about_a_job = await self._about_a_job(session, job) if job else {}
        questions = self._about_sessions(session) | self._about_jobs(session) | about_a_job
        often = [OFTEN.get(name, 1) for name in questions]
        return self._random.choices(list(questions.items()), often)[0]

    def _one_of(self, choices: Sequence[Choice]) -> Choice:
        return self._random.choice(choices)

    def _about_sessions(self, session: SessionId) -> Questions:
        new = NewSession(session, "p", session[:4], self._one_of((5_000, 60_000)), "2026a")
        counter = self._random.randrange(3)
        return {
            "join": lambda store: store.join(new),
            "leave": lambda store: store.leave(session),
            "renew": lambda store: renewed(store, session),
            "close": lambda store: store.close(session, counter, 1),
            "sweep": lambda store: store.sweep(),
            "held": lambda store: store.held(session),
            "instances": lambda store: store.instances(),
        }

    def _about_jobs(self, session: SessionId) -> Questions:
        program = self._one_of(("p", "p", "p", "q"))
        declarations = [self._declaration(job) for job in self._random.sample(JOBS, 2)]
        return {
            "sync_jobs": lambda store: store.sync_jobs(session, program, declarations),
            "jobs": lambda store: store.jobs(limit=3, after=""),
            "peek": lambda store: store.peek(program, limit=3),
            "peek further": lambda store: store.peek(program, limit=3, skip=1),
            "audit": lambda store: store.audit(limit=5, skip=1),
        }

    def _declaration(self, job: str) -> Declaration:
        edition, now = self._random.randrange(3), self._clock.wall_ms()
        first = self._one_of((None, Fire(now + 1, now + 2), Fire(now + 900, now + 950)))
        on_lost = self._one_of((OnLost.ABANDON, OnLost.RERUN))
        shards = 2 if job == "c:d" else 1
        digest = f"{job}{edition}"
        return Declaration(job, digest, str(edition), "{}", edition, on_lost, first, shards)

    async def _about_a_job(self, session: SessionId, job: JobRecord) -> Questions:
        history = History(successes=1, failures=2, age_ms=self._one_of((1_000, 600_000)))
        questions: Questions = {
            "claim ticks": self._claim_of_ticks(session, job),
            "runs": lambda store: store.runs(job.name, limit=5, skip=1),
            "gaps": lambda store: store.gaps(job.name),
            "prune": lambda store: store.prune({job.name: history}),
        }
        if runs := await self._memory.runs(job.name, limit=6):
            run = self._one_of(runs)
            claim = Claim(run.id, run.kind, run.token, run.attempt, job.digest)
            questions |= self._about_a_run(run.session or session, claim)
        return self._orders(job) | questions

    def _orders(self, job: JobRecord) -> Questions:
        order = Order(f"key-{self._random.randrange(40)}", "anna", "because")
        last = job.expected.fire_time if job.expected else None
        gap = last and self._one_of((None, Gap(last, last, 1, Reason.BY_HAND)))
        soon = Fire((last or self._clock.wall_ms()) + 800, (last or self._clock.wall_ms()) + 801)
        moved = Moved(job.generation, last, self._one_of((soon, soon, None)), gap or None)
        ends_at = self._one_of((None, self._clock.wall_ms() + 500))
        return {
            "trigger": lambda store: store.trigger(job.name, order),
            "pause": lambda store: store.pause(job.name, order, ends_at),
            "resume": lambda store: store.resume(job.name, moved, order),
            "skip_next": lambda store: store.skip_next(job.name, moved, order),
        }

    def _claim_of_ticks(self, session: SessionId, job: JobRecord) -> Question:
        at = job.expected.fire_time if job.expected else 1
        gap = self._one_of((None, Gap(at, at, 1, Reason.MISFIRE)))
        fire_time = at + 5 if gap else at
        items = [
            TickClaim(job.name, job.generation, at, fire_time, Fire(at + 400, at + 410), gap),
            TickClaim(job.name, job.generation, at + 400, at + 400, Fire(at + 900, at + 900)),
        ]
        return lambda store: store.claim(session, items)

    def _about_a_run(self, session: SessionId, claim: Claim) -> Questions:
        run, token = claim.run, claim.token
        starts = [Start(run, token, StartId("0" * 32))]
        retry = self._one_of((None, None, 0, 3_000))
        said = Completion(run, token, self._one_of(tuple(Outcome)), retry, "it broke")
        return {
            "claim": lambda store: store.claim(session, [PendingClaim(run)]),
            "start": lambda store: store.start(session, starts),
            "complete": lambda store: store.complete([said]),
            "release": lambda store: store.release([claim]),
            "run": lambda store: store.run(run),
        }
