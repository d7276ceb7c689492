"""Whatever is asked of it, a store answers as the reference in memory does, and records the same.

Tokens are compared by value, since all stores of ours make them by one rule; but for those that
cannot, which are opened with `renames`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias, TypeVar, cast

from cronfleet.clock import ManualClock
from cronfleet.model import (
    ACTIVE,
    Claim,
    Fire,
    Gap,
    History,
    JobRecord,
    LockOwner,
    OnLost,
    Outcome,
    Reason,
    RunRecord,
    RunState,
    SessionId,
    StartId,
)
from cronfleet.store import (
    Completion,
    Declaration,
    FaultKind,
    IfActive,
    LogLine,
    LogPart,
    LogPlace,
    Moved,
    NewSession,
    Order,
    PendingClaim,
    Start,
    Store,
    TickClaim,
    mark,
)
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing.samples import PROGRAM, START
from tests.stores.renaming import Renaming

Opened: TypeAlias = Callable[[ManualClock], Store]
Choice = TypeVar("Choice")

JOBS = ("a", "a-b", "b:c")
HANDLERS = ("", "tell", "ring")
OWNERS = [LockOwner(f"{number:032x}") for number in range(4)]
TTLS = (5_000, 60_000)
SPANS = (1, 700, 3_000, 5_000)
LEAPS = (-3_600, -61, -60, -30, 90)
STEP_MS = 700
RECORD_EVERY = 4
"""All that two stores show is twenty times as much as one answer; what differs is still there."""
LOOK_EVERY = 10
OF_A_LEAP = (FaultKind.FUTURE_WATERMARK, FaultKind.SESSION_EXPIRY)
OF_A_REMOVAL = (FaultKind.REMOVED_RUN,)
"""It ends runs two at a time here, and is not always gone on with."""


class Twins:
    """Two stores under one clock, asked the same; what is drawn is what the reference holds."""

    def __init__(self, opened: Opened, seed: int, *, renames: bool) -> None:
        self.clock = ManualClock(START)
        self.memory = MemoryStore(self.clock)
        other = opened(self.clock)
        self.other = cast("Store", Renaming(other, self.memory)) if renames else other
        self._seed = seed
        self._random = random.Random(seed)
        self._asked: list[str] = []
        self._sessions: list[SessionId] = []
        self._counters: dict[SessionId, int] = {}

    async def live(self, steps: int) -> None:
        """So many questions, one after the other."""
        await self.other.open()
        try:
            await self.join()
            await self.sync_jobs()
            for _ in range(steps):
                question = self.draw(self.questions())
                self._asked.append(question.__name__)
                await question()
                if len(self._asked) % RECORD_EVERY == 0:
                    await self.ask(lambda store: recorded(store, self._sessions[-4:]))
                if len(self._asked) % LOOK_EVERY == 0:
                    await self.look_for_faults()
        finally:
            await self.other.aclose()

    async def look_for_faults(self) -> None:
        """A healthy history shows none but what a clock that leapt, or half a removal, leaves."""
        for store in (self.memory, self.other):
            faults = [fault for job in JOBS for fault in await store.check(job)]
            faults += await store.check_fleet()
            odd = [fault for fault in faults if fault.kind not in OF_A_LEAP + OF_A_REMOVAL]
            assert odd == [], f"{odd}: seed {self._seed}, after {self._asked}"

    def questions(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """The more often it stands here, the more often it is asked."""
        often = [self.claim_ticks, self.claim_pending, self.start, self.complete]
        now_and_then = [self.order, self.pass_time, self.join, self.renew, self.release, self.sweep]
        now_and_then += [self.cancel]
        now_and_then += [self.lock, self.lock, self.unlock, self.renew_lock]
        now_and_then += [self.define, self.undeclared]
        seldom = [
            self.backfill,
            self.remove,
            self.leave,
            self.close,
            self.sync_jobs,
            self.prune,
            self.log,
            self.leap,
            self.set_aside,
        ]
        return [*6 * often, *3 * now_and_then, *seldom]

    async def ask(self, question: Callable[[Store], Coroutine[Any, Any, object]]) -> None:
        expected = await question(self.memory)
        got = await question(self.other)
        assert got == expected, f"{got=} {expected=} seed {self._seed}, after {self._asked}"

    # --- what there is to ask about

    def draw(self, choices: Sequence[Choice]) -> Choice:
        return self._random.choice(choices)

    def seldom(self) -> bool:
        return self._random.random() < 0.1

    async def session(self) -> SessionId:
        """Most often one that may work."""
        now = (await self.memory.open()).now
        open_ones = await self.memory.instances()
        fit = [each.session for each in open_ones if each.expires_at > now]
        return self.draw(self._sessions[-3:] if self.seldom() or not fit else fit[-3:])

    async def job(self) -> JobRecord | None:
        return await self.memory.job(self.draw(JOBS))

    async def run(self, *states: RunState) -> RunRecord | None:
        """Most often one in the state that the question is for."""
        runs = [run for job in JOBS for run in await self.memory.runs(job)]
        fit = [run for run in runs if run.state in states]
        chosen = runs if self.seldom() or not fit else fit
        return self.draw(chosen) if chosen else None

    def token(self, run: RunRecord) -> int:
        return run.token - self.seldom()

    # --- time and sessions

    async def pass_time(self) -> None:
        self.clock.advance(timedelta(milliseconds=self.draw(SPANS)))

    async def leap(self) -> None:
        self.clock.leap(timedelta(seconds=self.draw(LEAPS)))

    async def join(self) -> None:
        self._sessions.append(SessionId(f"{len(self._sessions):032x}"))
        new = NewSession(self._sessions[-1], PROGRAM, "label", self.draw(TTLS), "2026.6")
        await self.ask(lambda store: store.join(new))

    async def leave(self) -> None:
        session = await self.session()
        await self.ask(lambda store: store.leave(session))

    async def renew(self) -> None:
        session = await self.session()
        assert self.renewed(self.other, session) == self.renewed(self.memory, session)

    def renewed(self, store: Store, session: SessionId) -> object:
        with closing(store.renewer()) as renewer:
            renewal = renewer.renew(session)
        if renewal is None:
            return None
        self._counters |= {peer.session: peer.counter for peer in renewal.peers}
        cancels = [each.run for each in renewal.cancels]  # Tokens may be each one's own.
        info = replace(renewal.info, id="each has its own")
        return replace(renewal, info=info, cancels=()), cancels

    async def close(self) -> None:
        session = await self.session()
        counter = self._counters.get(session, 0) + self.seldom()
        self.clock.advance(timedelta(milliseconds=self.draw(TTLS)))
        await self.ask(lambda store: store.close(session, counter, 1))

    async def sweep(self) -> None:
        await self.ask(swept)

    # --- jobs and ticks

    async def sync_jobs(self) -> None:
        session, program = await self.session(), "billing" if self.seldom() else PROGRAM
        names = [name for name in JOBS if not self.seldom()]
        declarations = [self.declaration(name) for name in names]
        marks = [mark(each) for each in HANDLERS if not self.seldom()]
        await self.ask(lambda store: store.sync_jobs(session, program, declarations, marks))

    async def define(self) -> None:
        declared = replace(self.declaration(self.draw(JOBS)), handler=self.draw(HANDLERS))
        job, order = await self.memory.job(declared.name), self.new_order()
        seen = job.generation - self.seldom() if job and not self.seldom() else None
        await self.ask(lambda store: store.define(PROGRAM, declared, seen, order))

    async def remove(self) -> None:
        job, order = await self.job(), self.new_order()
        if job is None:
            return
        moved, so_long = self.move(job), self.draw((None, STEP_MS))
        await self.ask(
            lambda store: store.remove(job.name, moved, order, undeclared_ms=so_long, limit=2)
        )

    async def undeclared(self) -> None:
        await self.ask(lambda store: store.undeclared(JOBS))

    def new_order(self) -> Order:
        return Order(f"key-{self._random.randrange(40)}", "anna", "schön")

    def declaration(self, name: str) -> Declaration:
        """Editions 0 and 1 share a schedule; an edition always has one limit and one `on_lost`.

        The last job's ticks have shards.
        """
        edition, first = self.draw((0, 1, 2)), self.clock.wall_ms() + self.draw((1, 900))
        on_lost = OnLost.ABANDON if edition == 1 else OnLost.RERUN
        expected = None if self.seldom() else Fire(first, first + edition)
        schedule = "seldom" if edition == 2 else "often"
        return Declaration(
            name=name,
            digest=f"{name}{edition}",
            schedule_digest=schedule,
            json=str(edition),
            limit=(1, 2, 0)[edition],
            on_lost=on_lost,
            first=expected,
            shards=(3, 2, 11)[edition] if name == JOBS[-1] else 1,
            revives=not self.seldom(),
        )

    async def claim_ticks(self) -> None:
        session, job = await self.session(), await self.job()
        if job is None or job.expected is None:
            return
        if not self.seldom():
            self.wait_until(job.expected.due)
        job = replace(job, generation=job.generation - self.seldom())
        shape = self.draw(("tick", "tick", "gap", "both"))
        items = [self.a_claim(job, place, shape) for place in range(self.draw((1, 1, 3)))]
        await self.ask(lambda store: store.claim(session, items))

    def a_claim(self, job: JobRecord, place: int, shape: str) -> TickClaim:
        wanted_until = self.draw((None, self.clock.wall_ms() + self.draw(SPANS)))
        if_active = self.draw(tuple(IfActive))
        return replace(a_claim(job, place, shape), if_active=if_active, wanted_until=wanted_until)

    def wait_until(self, instant: int) -> None:
        ahead = instant - self.clock.wall_ms()
        self.clock.advance(timedelta(milliseconds=min(max(ahead, 0), STEP_MS)))

    async def claim_pending(self) -> None:
        session, run = await self.session(), await self.run(RunState.PENDING)
        if run:
            await self.ask(lambda store: store.claim(session, [PendingClaim(run.id)]))

    # --- runs

    async def start(self) -> None:
        run = await self.run(RunState.CLAIMED)
        if run is None:
            return
        session = await self.session() if self.seldom() else run.session or self._sessions[0]
        start = Start(run.id, self.token(run), StartId(self.draw(("0", "1")) * 32))
        await self.ask(lambda store: store.start(session, [start]))

    async def complete(self) -> None:
        run = await self.run(RunState.STARTED, *([RunState.LOST] if self.seldom() else []))
        if run is None:
            return
        outcome = self.draw((*Outcome, Outcome.LOST))
        said = Completion(run.id, self.token(run), outcome, self.draw((None, None, 0, 900)), "why")
        await self.ask(lambda store: store.complete([said]))

    async def release(self) -> None:
        run = await self.run(RunState.CLAIMED)
        if run is None:
            return
        claim = Claim(run.id, run.kind, self.token(run), run.attempt, "")
        await self.ask(lambda store: store.release([claim]))

    # --- orders and history

    async def order(self) -> None:
        job, order = await self.job(), self.new_order()
        if job is None:
            return
        moved = self.move(job)
        ends_at = self.draw((None, self.clock.wall_ms() + self.draw((1, 900, 60_000))))
        verbs: list[Callable[[Store], Coroutine[Any, Any, object]]] = [
            lambda store: store.trigger(job.name, order),
            lambda store: store.trigger(job.name, order),
            lambda store: store.pause(job.name, order),
            lambda store: store.pause(job.name, order, ends_at),
            lambda store: store.resume(job.name, moved, order),
            lambda store: store.resume(job.name, moved, order),
            lambda store: store.skip_next(job.name, moved, order),
        ]
        await self.ask(self.draw(verbs))

    async def backfill(self) -> None:
        """Of what has run, has not, was skipped, or never was a fire time."""
        name, order = self.draw(JOBS), Order(f"key-{self._random.randrange(40)}", "ops", "")
        runs = await self.memory.runs(name, limit=8)
        times = {self.draw([run.id.fire_time for run in runs] or [1]) for _ in range(3)}
        times |= {self.clock.wall_ms() - self.draw(SPANS)}
        again = self.seldom()
        await self.ask(lambda store: store.backfill(name, sorted(times), order, again=again))
        await self.ask(lambda store: store.backfills(name))

    async def cancel(self) -> None:
        run = await self.run(*ACTIVE, RunState.WAITING)
        if run:
            order = Order(f"key-{self._random.randrange(40)}", "ops", "genug")
            await self.ask(lambda store: store.cancel(run.id, order))

    async def set_aside(self) -> None:
        """As before an adoption: ticks are settled, and what nobody has started is cancelled."""
        job = await self.job()
        if job is None:
            return
        moved = self.move(job)
        if moved.gap and moved.expected and moved.gap.last < moved.expected:
            return  # Two gaps with one last tick have no order.

        async def aside(store: Store) -> object:
            seen = (await store.open()).id
            return await store.settle(seen, job.name, moved), await store.clear(seen, job.name)

        await self.ask(aside)

    def move(self, job: JobRecord) -> Moved:
        """Most often the expected tick is skipped, if there is one."""
        at = job.expected.fire_time if job.expected else None
        last = (job.watermark if at is None else at) - self.seldom() * STEP_MS
        gap = None if at is None else Gap(last, last, 1, Reason.BY_HAND)
        following = None if self.seldom() else Fire(last + STEP_MS, last + STEP_MS)
        return Moved(job.generation - self.seldom(), at, following, gap)

    # --- locks

    async def lock(self) -> None:
        name, owner, ttl_ms = self.draw(JOBS[:2]), self.draw(OWNERS), self.draw(TTLS)
        waits = not self.seldom()
        await self.ask(lambda store: store.lock(name, owner, ttl_ms, waits=waits))

    async def unlock(self) -> None:
        name, owner = self.draw(JOBS[:2]), self.draw(OWNERS)
        await self.ask(lambda store: store.unlock(name, owner))

    async def renew_lock(self) -> None:
        name, owner, ttl_ms = self.draw(JOBS[:2]), self.draw(OWNERS), self.draw(TTLS)
        await self.ask(lambda store: store.renew_lock(name, owner, ttl_ms))

    async def log(self) -> None:
        """Of one attempt or another, what was kept already and what was not, long and short."""
        run = await self.run(RunState.STARTED)
        if run is None:
            return
        attempt = max(1, run.attempt + self.draw((-1, 0, 0, 1)))
        first, sizes = self._random.randrange(1, 60), self.draw(((0, 20), (3_000, 4_000)))
        lines = [
            LogLine(LogPlace(attempt, number), number, 20, "x" * self._random.randrange(*sizes))
            for number in range(first, first + self.draw((1, 40)))
        ]
        await self.ask(lambda store: store.append_logs([LogPart(run.id, tuple(lines))]))
        await self.ask(lambda store: store.run_log(run.id, lines[0].place))
        await self.ask(lambda store: store.run_log(run.id))

    async def prune(self) -> None:
        name, age_ms = self.draw(JOBS), self.draw((1_000, 3_600_000))
        history = History(successes=1, failures=2, age_ms=age_ms)
        await self.ask(lambda store: store.prune({name: history}))


def a_claim(job: JobRecord, place: int, shape: str) -> TickClaim:
    """The tick so many places after the one that the job expects."""
    assert job.expected
    at = job.expected.fire_time + place * STEP_MS
    return TickClaim(
        job=job.name,
        generation=job.generation,
        expected=at,
        fire_time=None if shape == "gap" else at + 10 * (shape == "both"),
        following=Fire(at + STEP_MS, at + STEP_MS + 5),
        gap=None if shape == "tick" else Gap(at, at, 1, Reason.MISFIRE),
    )


async def swept(store: Store) -> object:
    return sorted((each.run, each.state) for each in await store.sweep())


async def recorded(store: Store, sessions: list[SessionId]) -> object:
    """All that a store shows."""
    return [
        await store.jobs(),
        [await store.runs(job) for job in JOBS],
        [await store.gaps(job) for job in JOBS],
        [await store.peek(program, limit=2, skip=1) for program in (PROGRAM, "billing")],
        await store.peek(PROGRAM, limit=9),
        [await store.held(session) for session in sessions],
        await store.instances(),
        await store.audit(limit=5),
    ]


async def check(
    opened: Opened, histories: int = 30, steps: int = 80, *, renames: bool = False
) -> None:
    """Live so many histories; the seed and the questions of one that differs are in the failure."""
    for seed in range(histories):
        await Twins(opened, seed, renames=renames).live(steps)
