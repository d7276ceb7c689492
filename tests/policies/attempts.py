"""A job's runs through a history of claims, outcomes, losses and orders, beside the slow reference.

What is asked next is drawn; whether it is allowed, and what comes of it, the reference says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cronfleet.clock import ManualClock
from cronfleet.model import (
    Claim,
    OnLost,
    Outcome,
    Reason,
    Retry,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.policy import retry_in_ms
from cronfleet.run_id import RunId
from cronfleet.store import Granted, Order, Ordered, PendingClaim, Recorded, Start
from cronfleet.stores.memory import MemoryStore
from cronfleet.testing.samples import (
    NOON,
    PROGRAM,
    START,
    completed,
    join,
    moved_by,
    order,
    renew,
    report,
    start_id,
    the_job,
    tick,
)
from tests.policies.reference import WORST_LAST, Life, Rules, outcome_of_tick

SECOND_MS = 1_000
TICK = RunId("report", NOON)


class Act(StrEnum):
    """What may befall a run, or is tried in vain."""

    CLAIM = "claim"
    START = "start"
    SUCCEED = "succeed"
    FAIL = "fail"
    TIME_OUT = "time out"
    BE_CANCELLED = "end as cancelled"
    TELL_OF_LOSS = "tell of its loss"
    SAY_AGAIN = "say the last outcome again"
    SAY_LATE = "say an outcome of an earlier attempt"
    RELEASE = "release"
    DIE = "its holder dies and is swept"
    CANCEL = "cancel"
    REMOVE = "remove the job"
    WAIT = "a second passes"
    WAIT_LONG = "five seconds pass"


SAID = {
    Act.SUCCEED: Outcome.SUCCEEDED,
    Act.FAIL: Outcome.FAILED,
    Act.TIME_OUT: Outcome.TIMED_OUT,
    Act.BE_CANCELLED: Outcome.CANCELLED,
    Act.TELL_OF_LOSS: Outcome.LOST,
}


@dataclass
class Told:
    """The last claim of a run, the one before it, and what was said last under the last."""

    claim: Claim | None = None
    before: Claim | None = None
    outcome: Outcome | None = None


class History:
    """One tick, of a job with shards or without, and a run by hand that waits for its end."""

    def __init__(self, rules: Rules, shards: int) -> None:
        self.rules = rules
        self.shards = shards
        self.clock = ManualClock(START)
        self.store = MemoryStore(self.clock)
        self.now = 0
        self.lives = [Life(rules) for _ in range(shards)]
        self.told = [Told() for _ in range(shards)]
        self.session = SessionId("")
        self.acts: list[str] = []

    async def begin(self) -> None:
        """The tick was claimed and given back, so that all of its runs are pending."""
        on_lost = OnLost.RERUN if self.rules.rerun else OnLost.ABANDON
        self.session = await join(self.store, "anna")
        declared = report(on_lost=on_lost, shards=self.shards)
        await self.store.sync_jobs(self.session, PROGRAM, [declared])
        (answer,) = await self.store.claim(self.session, [tick()])
        assert isinstance(answer, Granted)
        await self.store.release([answer.claim])
        await self.store.trigger("report", order())

    async def act(self, which: int, act: Act) -> None:
        """Do it to one of the runs, in the store and in the reference, and compare."""
        which %= self.shards
        self.acts.append(f"{act}, run {which}")
        acts: dict[Act, Callable[[int], Awaitable[None]]] = {
            Act.CLAIM: self._claim,
            Act.START: self._start,
            Act.SAY_AGAIN: self._say_again,
            Act.SAY_LATE: self._say_late,
            Act.RELEASE: self._release,
            Act.DIE: self._die,
            Act.CANCEL: self._cancel,
            Act.REMOVE: self._remove,
            Act.WAIT: lambda _: self._wait(1),
            Act.WAIT_LONG: lambda _: self._wait(5),
        }
        if act in SAID:
            await self._say(which, SAID[act])
        else:
            await acts[act](which)
        await self.compare()

    # --- what befalls a run

    def _id(self, which: int) -> RunId:
        return TICK if self.shards == 1 else list(TICK.of_shards(self.shards))[which]

    async def _claim(self, which: int) -> None:
        life, told = self.lives[which], self.told[which]
        (answer,) = await self.store.claim(self.session, [PendingClaim(self._id(which))])
        assert isinstance(answer, Granted) == life.can_be_claimed(self.now), self._so_far()
        if isinstance(answer, Granted):
            life.state = "claimed"
            assert answer.claim.attempt == life.attempt, self._so_far()
            self.told[which] = Told(answer.claim, told.claim)

    async def _start(self, which: int) -> None:
        claim, life = self.told[which].claim, self.lives[which]
        if claim is None:
            return
        start = Start(claim.run, claim.token, start_id())
        (is_started,) = await self.store.start(self.session, [start])
        assert is_started == (life.state == "claimed"), self._so_far()
        life.state = "started" if is_started else life.state

    async def _say(self, which: int, outcome: Outcome) -> None:
        told, life = self.told[which], self.lives[which]
        if told.claim is None or life.state != "started":
            return
        told.outcome = outcome
        answer = await completed(
            self.store, told.claim, outcome, self._retry_in(told.claim, outcome)
        )
        assert answer is Recorded.DONE, self._so_far()
        life.said(outcome.value, self.now)

    def _retry_in(self, claim: Claim, outcome: Outcome) -> int | None:
        """As an instance grants it: by the attempt that its claim names."""
        if outcome not in {Outcome.FAILED, Outcome.TIMED_OUT}:
            return None
        rules = self.rules
        retry = Retry(
            rules.attempts,
            rules.first * SECOND_MS,
            rules.factor,
            rules.most * SECOND_MS,
            jitter=0.5,
        )
        return retry_in_ms(retry, claim.attempt, chance=0.5)

    async def _say_again(self, which: int) -> None:
        """Its answer was lost. It is no other attempt's outcome."""
        told = self.told[which]
        if told.claim and told.outcome and self.lives[which].state != "started":
            retry_in = self._retry_in(told.claim, told.outcome)
            await completed(self.store, told.claim, told.outcome, retry_in)

    async def _say_late(self, which: int) -> None:
        before = self.told[which].before
        if before is not None:
            answer = await completed(self.store, before, Outcome.SUCCEEDED)
            assert answer is Recorded.REFUSED, self._so_far()

    async def _release(self, which: int) -> None:
        claim, life = self.told[which].claim, self.lives[which]
        if claim is not None:
            (is_back,) = await self.store.release([claim])
            assert is_back == (life.state == "claimed"), self._so_far()
            if is_back:
                life.given_back()

    async def _die(self, _: int) -> None:
        """All runs are held by the one session; another takes its place."""
        await self.store.leave(self.session)
        self.session = await join(self.store, "anna")
        await self.store.sweep()
        for life in self.lives:
            life.swept(self.now)

    async def _cancel(self, which: int) -> None:
        life = self.lives[which]
        answer = await self.store.cancel(self._id(which), Order(f"key-{len(self.acts)}", "anna"))
        expected = Ordered.ENDED if life.has_ended else Ordered.DONE
        expected = Ordered.ASKED if life.state == "started" else expected
        assert answer is expected, self._so_far()
        life.cancelled()

    async def _remove(self, _: int) -> None:
        job = await the_job(self.store)
        await self.store.remove("report", moved_by(job, None), order())
        for life in self.lives:
            life.removed()

    async def _wait(self, seconds: int) -> None:
        self.now += seconds
        self.clock.advance(timedelta(seconds=seconds))
        renew(self.store, self.session)

    # --- comparing

    async def compare(self) -> None:
        """Every run, the tick of them all, the job, and the run that waits."""
        for which, life in enumerate(self.lives):
            run = await self.store.run(self._id(which))
            assert run is not None, self._so_far()
            assert self._picture(run) == self._expected(life), self._so_far()
        await self._compare_tick()

    def _picture(self, run: RunRecord) -> tuple[str, int, int]:
        waits_until = (run.not_before - NOON) // SECOND_MS if run.state is RunState.PENDING else 0
        return run.state.value, run.attempt, waits_until

    def _expected(self, life: Life) -> tuple[str, int, int]:
        return life.state, life.attempt, life.ready_at if life.state == "pending" else 0

    async def _compare_tick(self) -> None:
        outcome = outcome_of_tick([life.state for life in self.lives])
        tick_of_all = await self.store.run(TICK)
        assert tick_of_all is not None
        has_ended = tick_of_all.state.value in WORST_LAST
        assert (tick_of_all.state.value if has_ended else None) == outcome, self._so_far()
        await self._compare_job(is_over=outcome is not None)

    async def _compare_job(self, *, is_over: bool) -> None:
        """The run by hand goes on when the tick is over, and with a removed job it is skipped."""
        runs = await self.store.runs("report")
        (by_hand,) = [run for run in runs if run.id.number and not run.id.is_shard]
        job, is_removed = await the_job(self.store), self.lives[0].is_removed
        is_poisoned = job.paused_reason is Reason.POISONED
        assert is_poisoned == any(life.poisons for life in self.lives), self._so_far()
        waits = by_hand.state is RunState.WAITING
        assert waits == (not is_over and not is_removed), self._so_far()
        goes = by_hand.state in {RunState.PENDING, RunState.SHARDED}
        assert job.active == (not is_over) + goes, self._so_far()

    def _so_far(self) -> str:
        return f"{self.rules}, {self.shards} runs: {'; '.join(self.acts)}"
