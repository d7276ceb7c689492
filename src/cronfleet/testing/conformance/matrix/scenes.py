"""What stands before the question: two instances, a job that both know, and a run of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cronfleet.clock import ManualClock
from cronfleet.model import Claim, Kind, Outcome, RunId, RunState, SessionId
from cronfleet.store import KEY_KEPT_MS, Moved, Store
from cronfleet.testing.conformance.matrix.cells import Operation
from cronfleet.testing.conformance.matrix.conditions import ABOUT, RUN_IN, Condition, Thing
from cronfleet.testing.conformance.matrix.request import Request, following
from cronfleet.testing.samples import (
    NOON,
    ONE_PM,
    PROGRAM,
    TTL,
    TTL_MS,
    completed,
    granted,
    joined,
    moved_by,
    order,
    report,
    started,
    the_job,
    tick,
    triggered,
)

JOB = "report"
BYSTANDER = "bystander"
"""A job that no question is about: nothing of it may ever change."""

A_MS = timedelta(milliseconds=1)
A_DAY = timedelta(milliseconds=KEY_KEPT_MS)


class Scene:
    """Sets one up on a store, and words the question that fits it."""

    def __init__(self, store: Store, clock: ManualClock, operation: Operation) -> None:
        self._store = store
        self._clock = clock
        self._operation = operation
        self.anna: SessionId = SessionId("")
        self.ben: SessionId = SessionId("")

    async def question(self, condition: Condition) -> Request:
        """Set up what the condition says; what is to be asked then."""
        fire_time = 0 if condition is Condition.EARLIEST else NOON
        shards = self._operation.shards
        jobs = [report(JOB, first=fire_time, shards=shards), report(BYSTANDER)]
        self.anna = await joined(self._store, "anna", *jobs)
        self.ben = await joined(self._store, "ben", *jobs)
        await granted(self._store, self.ben, tick(BYSTANDER))
        claim = await self._place(RUN_IN.get(condition, self._operation.run), fire_time)
        if condition is Condition.ASKED_TO_CANCEL:
            await self._store.cancel(claim.run, order())
        await self._stand(condition if condition in ABOUT[Thing.SESSION] else None)
        await self._job(condition)
        self._pass_time(condition)
        return (await self._asked_before(condition, claim, fire_time)).under(condition)

    async def _place(self, state: RunState | None, fire_time: int) -> Claim:
        """Bring the run there; the claim that whoever asks about it shows."""
        store, anna = self._store, self.anna
        if state is None:
            return Claim(RunId(JOB, fire_time), Kind.TICK, 0, 1, "")
        claim = await granted(store, anna, tick(JOB, fire_time, following=ONE_PM))
        if state is RunState.SHARDED:
            return replace(claim, run=claim.run.whole, token=0)
        if state is RunState.WAITING:
            return Claim(await triggered(store, JOB), Kind.MANUAL, 0, 1, "")
        if state is RunState.PENDING:
            await store.release([claim])
        elif state is not RunState.CLAIMED:
            await started(store, anna, claim)
        if state.value in list(Outcome):
            await completed(store, claim, Outcome(state))
        return claim

    async def _stand(self, told: Condition | None) -> None:
        standing = told or self._operation.session
        if standing in {Condition.EXPIRED, Condition.CLOSED}:
            self._clock.advance(TTL)
        if standing is Condition.CLOSED:
            assert await self._store.close(self.anna, 0, (await self._store.open()).epoch)

    async def _job(self, told: Condition) -> None:
        standing = {told} if told is Condition.SCHEDULED else {told, self._operation.job}
        if Condition.FINISHED in standing:
            await self._store.skip_next(JOB, Moved(1, await self._expected(), None, None), order())
        if Condition.PAUSED in standing:
            await self._store.pause(JOB, order())
        if Condition.AT_LIMIT in standing:
            await triggered(self._store, JOB)
        if Condition.REMOVED in standing:
            moved = moved_by(await the_job(self._store, JOB), None)
            await self._store.remove(JOB, moved, order())

    def _pass_time(self, condition: Condition) -> None:
        if condition is Condition.NOT_DUE:
            self._clock.leap(-A_MS)
        else:
            self._clock.advance(timedelta(milliseconds=self._operation.later_ms))

    async def _asked_before(self, condition: Condition, claim: Claim, fire_time: int) -> Request:
        """The question as it is meant to be, asked already where the condition says so."""
        first = await self._meant(claim, fire_time)
        if condition is Condition.MATCH or condition not in _ASKED_BEFORE:
            return first
        await self._operation.ask(self._store, first)
        if condition in {Condition.REPEATED, Condition.DIFFERENT}:
            return first
        if self._operation.undo:
            await self._operation.undo(self._store, await self._meant(claim, fire_time))
        self._clock.advance(A_DAY + (condition is Condition.OLD_KEY) * A_MS)
        return await self._meant(claim, fire_time)

    async def _meant(self, claim: Claim, fire_time: int) -> Request:
        job, info = await the_job(self._store, JOB), await self._store.open()
        expected = await self._expected()
        return Request(
            now=info.now,
            session=self.anna,
            ben=self.ben,
            program=PROGRAM,
            job=JOB,
            claim=claim,
            fire_time=fire_time,
            generation=job.generation,
            expected=expected,
            following=following(expected),
            counter=0,
            epoch=info.epoch,
            store_id=info.id,
            span_ms=TTL_MS,
        )

    async def _expected(self) -> int | None:
        job = await the_job(self._store, JOB)
        return job.expected.fire_time if job.expected else None


_ASKED_BEFORE = {*ABOUT[Thing.CALL], *ABOUT[Thing.KEY]}
