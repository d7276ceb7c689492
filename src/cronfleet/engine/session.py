"""The session of an instance: joined, watched over, and joined anew when it is lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Container

from cronfleet.chance import fresh_id
from cronfleet.clock import Clock
from cronfleet.engine.acquaintance import Recognised, Reset, Same, Successor
from cronfleet.engine.fate import Fate
from cronfleet.engine.fellows import Fellows
from cronfleet.engine.identity import Identity
from cronfleet.engine.ranking import Ranking
from cronfleet.engine.renewal import Answered, Asked, Died, Lost, News, Unanswered, renews_by
from cronfleet.engine.steadiness import UNREAD, Reading, Steadiness
from cronfleet.engine.succession import Succession
from cronfleet.engine.times import Times, rest
from cronfleet.engine.watch import Watch
from cronfleet.errors import ForeignJobError, StoreError, StoreUnavailableError
from cronfleet.model import Instant, JobName, SessionId
from cronfleet.store import NewSession, Renewal, Seen, Store, StoreInfo

log: logging.Logger = logging.getLogger(__name__)


class SessionKeeper:
    """Keeps this instance a member of the fleet, and buries members that are seen dead."""

    def __init__(
        self, store: Store, clock: Clock, times: Times, identity: Identity, fate: Fate
    ) -> None:
        self._store = store
        self._clock = clock
        self._times = times
        self.identity: Identity = identity
        self._fate = fate
        self._steadiness = Steadiness(times.ttl_ms)
        self._reading = UNREAD
        self._succession = Succession()
        self._look_at: Instant = 0
        self._counter = 0
        self._to_leave: SessionId | None = None
        self._id = SessionId("")
        self._is_joined = False
        self._to_declare = 0
        self._declared = 0
        self._warned_session: SessionId | None = None
        self._stopped_because = ""
        self._away_because = ""
        self._sweep_at: Instant = 0
        self._heard = asyncio.Event()
        self._fellows = Fellows(identity.program)
        self._watch = Watch(self._id, times.ttl_ms)
        self.has_old_tzdata: bool = True  # For all it knows until it has met the others.
        self._met = asyncio.Event()

    # --- what the instance asks

    @property
    def id(self) -> SessionId:
        return self._id

    @property
    def ranking(self) -> Ranking:
        """The order of the sessions that declare what we declare."""
        return self._fellows.ranking

    @property
    def is_first(self) -> bool:
        """Whether this session does what one of the fleet is enough for, whatever its program."""
        return self._fellows.is_first

    @property
    def may_claim(self) -> bool:
        """Whether the session holds, the store is the one we know, and the clocks agree."""
        return not self.trouble

    @property
    def trouble(self) -> str:
        """Why nothing is claimed now; empty when there is no reason."""
        if because := self._succession.trouble or self._stopped_because:
            return because
        if not self.holds(self._id):
            return "the session could not be renewed in time"
        if not self._steadiness.is_steady(self._clock.boot_ms()):
            return "the store's clock leapt"
        return "" if self._succession.is_settled else "what the store expects may have run before"

    @property
    def is_reset(self) -> bool:
        """Whether the store was emptied, restored or replaced, and nobody has adopted it."""
        return bool(self._succession.trouble)

    @property
    def info(self) -> StoreInfo | None:
        """What the store said last, while it was the one that is known."""
        return self._succession.known

    def holds(self, session: SessionId) -> bool:
        """Whether this instance may still believe that it holds the session."""
        if not self._is_joined or session != self._id:
            return False
        lease = self._thread.lease
        return lease.session == session and self._clock.boot_ms() < lease.deadline

    def store_now(self) -> Instant:
        """The store's time, or a little before it; after it, by what was cut off a millisecond at most."""
        return self._reading.at(self._clock.boot_ms())

    @property
    def away_because(self) -> str:
        """What the last unanswered call said; empty when the store answers."""
        return self._away_because

    def away(self, error: StoreError) -> None:
        """A call failed. Said once, until the store answers again."""
        if not self._away_because:
            log.warning("waiting for the store, will go on when it is back: %s", error)
        self._away_because = str(error)

    def read(self, reading: Reading) -> None:
        """A call was answered, and said what time it is: look at `may_claim` after it."""
        self._reading = reading.or_sharper(self._reading)
        self._succession.saw(reading.store)
        leap_ms = self._steadiness.take(reading)
        if leap_ms:
            log.error(
                "the store's clock leapt by %d ms: claiming stops for %d ms",
                leap_ms,
                self._times.ttl_ms,
            )
            self._fate.clock_leapt()
        self.back()

    def back(self) -> None:
        """A call was answered."""
        if self._away_because:
            log.warning("the store is back")
            self._away_because = ""

    def renew_soon(self) -> None:
        """The answer to a renewal may have news."""
        self._thread.hurry()

    # --- its life

    async def __aenter__(self) -> SessionKeeper:
        self._thread = renews_by.get()(self._store, self._clock, self._times, self._tell)
        try:
            await self._begin()
        except BaseException:
            await self._leave()
            raise
        self._guarding = asyncio.create_task(self._guard(), name="cronfleet-lease")
        self._tending = asyncio.create_task(self._tend(), name="cronfleet-session")
        self._tending.add_done_callback(self._tended)
        return self

    async def _begin(self) -> None:
        """Join and declare; a store that is away meanwhile is waited for."""
        until = self._clock.boot_ms() + self._times.patience_ms
        while True:
            try:
                await self._be_a_member()
            except StoreUnavailableError as error:
                if self._clock.boot_ms() >= until:
                    raise
                self.away(error)
                await asyncio.sleep(self._times.poll_ms / 1000)
            else:
                return

    async def met(self) -> None:
        """Wait until it knows who else is there, but no longer than for an answer."""
        await rest(self._met, self._times.call_ms)

    async def __aexit__(self, *_: object) -> None:
        try:
            for task in (self._guarding, self._tending):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        finally:
            await self._leave()

    async def _leave(self) -> None:
        await self._thread.stop()
        self._is_joined = False
        if not self._id:
            return
        try:
            await self._store.leave(self._id)
        except StoreError as error:
            log.info("could not leave, the others will see it within a TTL: %s", error)

    async def _join(self) -> None:
        """Open a session with a fresh id: an id whose `join` went unanswered is never reused."""
        sent_at = self._clock.boot_ms()
        info = await self._store.open()
        reading = Reading(info.now, sent_at, self._clock.boot_ms())
        if isinstance(self._recognise(info, reading), Reset):
            return
        self._reading = reading
        await self._begin_again()
        session = SessionId(fresh_id())
        sent_at = self._clock.boot_ms()
        who = self.identity
        await self._store.join(
            NewSession(session, who.program, who.label, self._times.ttl_ms, who.tzdata)
        )
        self._id, self._is_joined = session, True
        self._to_declare += 1
        self._counter = 0
        self._thread.hold(session, sent_at)
        self._watch = Watch(session, self._times.ttl_ms)
        self._fellows.begin(session)

    async def _declare(self) -> None:
        """Declare the jobs, if there is need to; after a failure that is still so."""
        wanted = self._to_declare
        if self._is_joined and self._declared != wanted:
            await self._fate.declare(self._id, max(self.store_now(), self._succession.floor))
            self._declared = wanted  # There may be need to once more by now.

    def declare_again(self) -> None:
        """What is to be declared, or what others declare, is not what it was."""
        self._to_declare += 1
        self._heard.set()

    # --- the store it is

    def _recognise(self, info: StoreInfo, reading: Reading, forgot_ms: int = 0) -> Recognised:
        """Whether the store may be worked with."""
        met = self._succession.recognise(info, reading, forgot_ms)
        if isinstance(met, Successor) and self._is_joined:
            self._to_leave, self._is_joined = self._id, False
            self._fate.session_lost(self._id)
        return met

    async def _begin_again(self) -> None:
        """What an adopted store needs before anything may be claimed in it."""
        if self._to_leave is not None:
            await self._store.leave(self._to_leave)
            self._to_leave = None
        await self._succession.settle(self._fate)

    def look_back(self, seen: Seen, jobs: Container[JobName]) -> None:
        """If one of these jobs may have run what is expected of it, settle that before all else.

        It was settled when the store was adopted; but since then a job may have been removed, and
        declared once more while the clock was behind. Look at `may_claim` after it.
        """
        floor = self._succession.floor
        if any(t.expected.fire_time <= floor and t.job in jobs for t in (*seen.due, *seen.soon)):
            self._succession.is_settled = False
            self._heard.set()

    async def _look_again(self) -> None:
        """Whether a person has adopted the store; once a renewal."""
        now = self._clock.boot_ms()
        if now < self._look_at:
            return
        self._look_at = now + self._times.renewal_ms
        info = await self._store.open()
        met = self._recognise(info, Reading(info.now, now, self._clock.boot_ms()))
        if isinstance(met, Reset) and self.identity.adopts:
            sent_at = self._clock.boot_ms()
            info = await self._succession.adopt(self._store, info, self.identity.label)
            self._recognise(info, Reading(info.now, sent_at, self._clock.boot_ms()))
        if not self.is_reset:
            await self._be_a_member()

    def _stop(self, because: str) -> None:
        """Claim nothing more until a person has looked."""
        if not self._stopped_because:
            log.error("claiming stopped: %s", because)
        self._stopped_because = because

    # --- tending it

    def _tell(self, news: News) -> None:
        """Take it in at once, whatever `_tend` waits for: a leap must stop the next claim."""
        self._fate.heard(news)
        self._hear(news)
        self._heard.set()

    async def _tend(self) -> None:
        while True:
            await rest(self._heard, self._rest_ms())
            self._heard.clear()
            try:
                await self._work_on_membership()
            except ForeignJobError as error:
                self._stop(str(error))
            except StoreError as error:
                self.away(error)

    async def _work_on_membership(self) -> None:
        if self.is_reset:  # Nobody is buried meanwhile: what the store says of them may be old.
            await self._look_again()
            return
        if not self._stopped_because:
            await self._be_a_member()
        await self._bury()

    async def _be_a_member(self) -> None:
        if not self._is_joined:
            await self._join()
            self.back()
        await self._declare()
        if self._is_joined:
            await self._succession.settle(self._fate)

    def _tended(self, tending: asyncio.Task[None]) -> None:
        if not tending.cancelled() and (error := tending.exception()):
            self._stop(f"nobody looks after the session any more: {error!r}")

    def _rest_ms(self) -> int:
        """Until the next session may be dead, or the next sweep; a poll if one of them is owed."""
        now = self._clock.boot_ms()
        ends = [end for end in (self._sweep_at, self._watch.wakes_at()) if end is not None]
        if not self._is_joined or min(ends) <= now:
            return self._times.poll_ms
        return min(ends) - now

    def _hear(self, news: News) -> None:
        match news:
            case Answered():
                self._renewed(news)
            case Unanswered(error):
                self._watch.forget()
                self.away(error)
            case Lost(session) if session == self._id and self._is_joined:
                log.warning("the session was closed by another instance; joining anew")
                self._is_joined = False
                self._fate.session_lost(session)
            case Asked() | Lost():
                pass  # It is under way; or lost is a session before this one.
            case Died(error):
                self._stop(f"nobody renews the session any more: {error!r}")

    def _renewed(self, news: Answered) -> None:
        renewal = news.renewal
        reading = Reading(renewal.info.now, news.sent_at, news.received_at)
        if not isinstance(
            self._recognise(renewal.info, reading, self._forgotten_ms(renewal)), Same
        ):
            return
        self.read(reading)
        self.has_old_tzdata = self.identity.tzdata < renewal.tzdata
        self._watch.saw(renewal, news.received_at)
        self._fate.held_seen(renewal.held)
        self._fate.cancels_asked(renewal.cancels)
        if self._fellows.meet(self._id, renewal):
            self.declare_again()
        self._met.set()

    def _forgotten_ms(self, renewal: Renewal) -> int:
        """How long those renewals took that were answered and are not counted any more."""
        mine = next((p.counter for p in renewal.peers if p.session == self._id), None)
        if mine is None:
            return 0  # An answer to the session before this one.
        expected, self._counter = self._counter + 1, mine
        return max(0, expected - mine) * self._times.renewal_ms

    async def _bury(self) -> None:
        """Close the sessions that are seen dead, and take their runs back."""
        if self._away_because:
            return  # What is owed stays owed until the store answers again.
        now = self._clock.boot_ms()
        for dead in self._watch.dead(now):
            self._sweep_at = now  # Owed from here on, even if no answer comes.
            # A refusal may mean that it has yet to expire by the store's clock, a moment later.
            if await self._store.close(dead.session, dead.counter, dead.epoch):
                log.warning("session %s is dead: closed", dead.session[:8])
                self._watch.drop(dead.session)
        if now >= self._sweep_at:
            while swept := await self._store.sweep():
                for each in swept:
                    log.warning("%s: taken back, now %s", each.run, each.state)
                    self._fate.run_swept(each)
            self._sweep_at = now + self._times.ttl_ms

    async def _guard(self) -> None:
        """Warn when the lease runs out, whatever `_tend` waits for just then."""
        while True:
            self._warn_before_the_end()
            left_ms = self._thread.lease.deadline - self._clock.boot_ms()
            await asyncio.sleep((left_ms if left_ms > 0 else self._times.renewal_ms) / 1000)

    def _warn_before_the_end(self) -> None:
        if self._is_joined and not self.holds(self._id) and self._warned_session != self._id:
            self._warned_session = self._id
            self._fate.session_ends_soon(self._id)
        elif self.holds(self._id):
            self._warned_session = None
