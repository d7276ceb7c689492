"""The instance loop: peek at what is due, claim it, start it, run it, complete it.

Instances never talk to each other. What must be decided once for the whole fleet is decided
inside the store's atomic steps; what is left here is the order of the steps, and what to do
when the store is away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from cronfleet.adopting import settle_until
from cronfleet.clock import Clock
from cronfleet.context import marks_of
from cronfleet.engine.announced import announced
from cronfleet.engine.announcing import Announcing
from cronfleet.engine.caretaker import Caretaker
from cronfleet.engine.declaring import Declaring, declare
from cronfleet.engine.failing import tell_if_it_failed
from cronfleet.engine.identity import Identity
from cronfleet.engine.janitor import Janitor
from cronfleet.engine.known import KnownJob, KnownJobs
from cronfleet.engine.logbook import Logbook
from cronfleet.engine.lookout import Lookout
from cronfleet.engine.peeking import Peeking
from cronfleet.engine.reconciling import Reconciling
from cronfleet.engine.renewal import Asked, News
from cronfleet.engine.repertoire import Repertoire
from cronfleet.engine.resuming import Resuming
from cronfleet.engine.runner import TOO_LATE, Runner
from cronfleet.engine.seats import Seats
from cronfleet.engine.session import SessionKeeper
from cronfleet.engine.times import Times, rest
from cronfleet.engine.writes import Entry, GatheredWrites
from cronfleet.errors import StoreError
from cronfleet.events import Joined, Left, RunTakenBack, SessionLost
from cronfleet.model import Claim, Instant, JobName, JobRecord, RunState, SessionId
from cronfleet.store import (
    CANCEL,
    DUE,
    CancelAsked,
    ClaimAnswer,
    ClaimItem,
    Granted,
    NotGranted,
    Recorded,
    Store,
    StoreInfo,
    Swept,
)

log: logging.Logger = logging.getLogger(__name__)

AGAIN_MS = 20
"""How soon to look again when everything that was asked for went to others."""

SOONER_MS = 1
"""... and when nothing of it was due yet: by less than a millisecond, as a rule."""


class Instance:
    """One process's share of the fleet's work."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        times: Times,
        identity: Identity,
        jobs: KnownJobs,
        *,
        announcing: Announcing,
    ) -> None:
        self._announcing = announcing
        self._store = store = announced(store, announcing)
        self._clock = clock
        self._times = times
        self._program = identity.program
        self._jobs = jobs if isinstance(jobs, Repertoire) else Repertoire(jobs)
        self._declaring = Declaring()
        self._seats = Seats()
        self._session = SessionKeeper(store, clock, times, identity, self)
        self._writes = GatheredWrites(store, self._session)
        self._reconciling = Reconciling(store, clock, times, self._writes)
        self._logbook = Logbook(store, clock)
        self._runner = Runner(
            times.cancel_grace_ms,
            self._session.holds,
            times.loss_grace_ms,
            clock=clock,
            run_logger=self._logbook.logger,
        )
        self._janitor = Janitor(store, self._jobs, times)
        self._caretaker = Caretaker(store, identity, self._jobs, self._session)
        self._lookout = Lookout(store, self._jobs, self._session, announcing)
        self._wake = asyncio.Event()
        self._resuming = Resuming(store, clock, self._session, self.wake)
        self._peeking = Peeking(
            store,
            clock,
            times,
            jobs=self._jobs,
            session=self._session,
            lookout=self._lookout,
            resuming=self._resuming,
        )
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._is_hurried = False
        self.joined: asyncio.Event = asyncio.Event()
        self._again_ms, self._sooner_ms = AGAIN_MS, SOONER_MS

    # --- for the scheduler

    async def run(self) -> None:
        """Work until `stop` is called, then drain. Raises StoreError if it cannot join."""
        async with self._session:
            await self._session.met()
            self.joined.set()
            self._announcing.announce(Joined(self._session.id))
            caring = [
                asyncio.create_task(self._janitor.work(), name="cronfleet-janitor"),
                asyncio.create_task(self._caretaker.work(), name="cronfleet-caretaker"),
                asyncio.create_task(self._lookout.work(), name="cronfleet-lookout"),
                asyncio.create_task(self._resuming.work(), name="cronfleet-resuming"),
            ]
            hearing = [
                asyncio.create_task(self._hear(topic, then), name=f"cronfleet-hints-{topic}")
                for topic, then in ((DUE, self.wake), (CANCEL, self._ask_what_to_cancel))
            ]
            for task in (*caring, *hearing):
                task.add_done_callback(tell_if_it_failed)
            handlers: set[asyncio.Task[None]] = set()
            try:
                while not self._stopping.is_set():
                    await self._rest(until=await self._work(handlers))
                await self._drain(handlers)
            finally:
                self._runner.stop_all()
                await self._end({*caring, *hearing, *handlers})
                self._announcing.announce(Left())
                await self._logbook.aclose(self._times.call_ms / 1000)

    def stop(self) -> None:
        """Claim nothing more; called again, do not wait for the handlers either."""
        if self._stopping.is_set():
            self._is_hurried = True
            self._hurry.set()
        self._stopping.set()
        self._runner.drain()
        self._wake.set()

    def wake(self) -> None:
        """Something may have changed: look at once."""
        self._peeking.stirred()
        self._wake.set()

    def handlers_changed(self) -> None:
        """There are more handlers: say so, and look anew at what could not be run before."""
        self._jobs.forget_refusals()
        self._session.declare_again()

    def forget(self, name: JobName) -> None:
        """Declare the job no more."""
        self._jobs.forget(name)
        self._session.declare_again()

    @property
    def trouble(self) -> str:
        """Why no claims are being made; empty when they are."""
        if self._stopping.is_set():
            return "it is stopping"
        return self._session.away_because or self._session.trouble or self._peeking.silence

    @property
    def backlog(self) -> str:
        """What has been due for too long, and why; empty if nothing has, or nobody looks."""
        return "" if self.trouble else self._lookout.backlog.says(self._clock.boot_ms())

    @property
    def store_info(self) -> StoreInfo | None:
        """What the store said last, while it was the one that is known."""
        return self._session.info

    # --- the loop

    async def _work(self, handlers: set[asyncio.Task[None]]) -> Instant | None:
        """Claim what is ripe; answers when to look again, by the store's time, if known."""
        if not self._session.may_claim:
            return None  # The poll will wake us.
        try:
            await self._reconciling.ask_if_due(self._session.id)
            if self._seats.free.total <= 0:
                await self._peeking.look_over(self._seats)
                return None  # A seat that frees will wake us.
            seen = await self._peeking.look(self._seats)
            if not self._session.may_claim:
                return None  # It may be a leap of the clock that made things due.
            choice = self._peeking.choose(seen, self._seats)
            if not choice.items:
                self._again_ms = AGAIN_MS
                return choice.look_again_at
            return await self._claim(choice.items, handlers)
        except StoreError as error:
            self._session.away(error)
            return None

    async def _claim(
        self, items: Sequence[ClaimItem], handlers: set[asyncio.Task[None]]
    ) -> Instant | None:
        session = self._session.id
        try:
            answers = await self._store.claim(session, items)
        except StoreError:
            self._reconciling.unanswered()  # Never repeated: what was granted all the same is found then.
            self._peeking.forget()
            raise
        for answer in answers:
            if isinstance(answer, Granted):
                self._carry_on(answer.claim, session, handlers)
        if all(isinstance(answer, NotGranted) for answer in answers):
            self._peeking.forget()
            return self._next_try(answers)
        if any(isinstance(answer, NotGranted) for answer in answers):
            self._peeking.stirred()
        self._again_ms, self._sooner_ms = AGAIN_MS, SOONER_MS
        self._wake.set()
        return None

    def _next_try(self, answers: Sequence[ClaimAnswer]) -> Instant:
        """Others were first, which is normal; or we were, by what was cut off the store's time."""
        if NotGranted.LOST in answers:
            again_ms, self._again_ms = self._again_ms, self._doubled(self._again_ms)
        else:
            again_ms, self._sooner_ms = self._sooner_ms, self._doubled(self._sooner_ms)
        return self._session.store_now() + again_ms

    def _doubled(self, span_ms: int) -> int:
        return min(2 * span_ms, self._times.poll_ms)

    def _carry_on(
        self, claim: Claim, session: SessionId, handlers: set[asyncio.Task[None]]
    ) -> None:
        job = self._jobs.get(claim.run.job)
        if job is None:  # It was removed here meanwhile.
            work = self._writes.release([claim])
        else:
            self._writes.take(claim)
            self._seats.take(job)
            work = self._carry_out(job, claim, session)
        task = asyncio.create_task(work, name=f"carry {claim.run}")
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    async def _carry_out(self, job: KnownJob, claim: Claim, session: SessionId) -> None:
        """Start, run and complete one claim.

        What a handler raises is an outcome, what the store refuses is a value, and a store that
        is away is waited for: nothing here ends the loop or another handler.
        """
        try:
            if self._must_not_begin(job, claim):
                await self._writes.release([claim])
                return
            match await self._writes.start(claim, session):
                case Entry.GRANTED:
                    self._announcing.started(job, claim, self._session.store_now)
                    self._logbook.open(claim)
                    ended = await self._runner.run(job, claim, session)
                    self._logbook.ended(claim, ended)
                case Entry.TOO_LATE:
                    self._announcing.started(job, claim, self._session.store_now)
                    ended = TOO_LATE
                case Entry.REFUSED | Entry.UNANSWERED as entry:
                    await self._give_back(claim, entry)
                    return
            is_recorded = await self._writes.complete(claim, ended) is Recorded.DONE
            self._announcing.ended(job, claim, ended, is_recorded=is_recorded)
            if not is_recorded:
                late = "%s: %s came too late, it was swept"
                log.warning(late, claim.run, ended.outcome, extra=marks_of(claim))
        finally:
            self._runner.when_over(claim, lambda: self._let_go(job, claim))
            self._writes.drop(claim)
            self._janitor.run_ended(job)
            self._wake.set()

    def _let_go(self, job: KnownJob, claim: Claim) -> None:
        self._logbook.close(claim)
        self._seats.give_back(job)
        self._wake.set()

    def _must_not_begin(self, job: KnownJob, claim: Claim) -> bool:
        """It goes itself, another must run it, or the store is not the one it was.

        Or there is no seat: its job was at its limit when the claim was made, and is not now.
        """
        may_run_here = claim.digest == job.digest and self._seats.has_given(job)
        return self._stopping.is_set() or self._session.is_reset or not may_run_here

    async def _give_back(self, claim: Claim, entry: Entry) -> None:
        """The handler must not be entered."""
        if entry is Entry.UNANSWERED:
            self._reconciling.unanswered()
        else:
            await self._writes.release([claim])

    async def _hear(self, topic: str, then: Callable[[], None]) -> None:
        hints = self._store.hints(topic)
        try:
            while True:
                await hints.next()
                then()
        finally:
            hints.close()

    def _ask_what_to_cancel(self) -> None:
        if self._runner.is_at_work:
            self._session.renew_soon()

    async def _rest(self, until: Instant | None) -> None:
        span_ms = self._times.poll_ms
        if until is not None:
            span_ms = min(span_ms, max(0, until - self._session.store_now()))
        await rest(self._wake, span_ms)
        self._wake.clear()

    # --- told by the session

    async def declare(self, session: SessionId, now: Instant) -> None:
        self._declaring.marks = self._jobs.marks
        jobs = dict(self._jobs.declared)
        await declare(self._store, session, self._program, jobs, now, self._declaring)
        self.wake()

    async def settle_until(self, until: Instant) -> None:
        def is_wanted(job: JobRecord) -> bool:
            return job.program == self._program and self._jobs.may_have_run(job)

        await settle_until(self._store, until, is_wanted)

    def session_ends_soon(self, session: SessionId) -> None:
        self._runner.stop_repeatable(session)

    def session_lost(self, session: SessionId) -> None:
        self._runner.lose(session)
        self._writes.forget()
        self._announcing.announce(SessionLost())

    def clock_leapt(self) -> None:
        self._janitor.clock_leapt()

    def run_swept(self, swept: Swept) -> None:
        self._announcing.announce(RunTakenBack(swept.run.job, str(swept.run), swept.state.value))
        if swept.state is RunState.LOST:
            self._lookout.run_lost(swept.run)

    def cancels_asked(self, asked: Sequence[CancelAsked]) -> None:
        self._runner.cancel(asked)

    def heard(self, news: News) -> None:
        if isinstance(news, Asked):
            self._writes.count_held()
        elif self._announcing.is_heard:
            self._announcing.heard(news, self._clock)

    def held_seen(self, held: int) -> None:
        self._reconciling.held(held)

    # --- the end

    async def _drain(self, handlers: set[asyncio.Task[None]]) -> None:
        """Let the handlers end; after the drain's span cancel them, and tell the store."""
        if handlers:
            log.info("draining: waiting for %d handlers", len(handlers))
            ended = asyncio.create_task(self._until_ended(handlers))
            await rest(self._hurry, self._times.drain_ms)
            ended.cancel()
        if handlers:
            times = self._times
            grace_ms = times.hurried_grace_ms if self._is_hurried else times.cancel_grace_ms
            self._runner.stop_all(grace_ms)
            await asyncio.wait(handlers, timeout=(grace_ms + times.call_ms) / 1000)

    async def _end(self, tasks: set[asyncio.Task[None]]) -> None:
        """Cancel what is left: if the store is away, a sweep will find these runs.

        A driver may take a cancellation for an error of its own, so it is said until it is heard.
        """
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=self._times.call_ms / 1000)

    async def _until_ended(self, handlers: set[asyncio.Task[None]]) -> None:
        if handlers:  # The last may have ended before this began.
            await asyncio.wait(handlers)
        self._hurry.set()
