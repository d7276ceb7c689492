"""What an instance writes about its runs, and which of them it believes to hold."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from enum import Enum, auto

from cronfleet.chance import fresh_id
from cronfleet.engine.gathering import Gathered
from cronfleet.engine.runner import Ended
from cronfleet.engine.session import SessionKeeper
from cronfleet.errors import StoreError, StoreUnavailableError
from cronfleet.model import Claim, Outcome, RunState, SessionId, StartId
from cronfleet.store import Completion, HeldRun, Recorded, Start, Store

log: logging.Logger = logging.getLogger(__name__)

FIRST_WAIT_S = 0.05
LONGEST_WAIT_S = 1.0


class Entry(Enum):
    """Whether a handler may be entered."""

    GRANTED = auto()
    REFUSED = auto()
    TOO_LATE = auto()
    """Started in the store, but the session's deadline has passed: it must not be entered."""
    UNANSWERED = auto()


class GatheredWrites:
    """Starts and completions, gathered; and the claims that are in this instance's hands."""

    def __init__(self, store: Store, session: SessionKeeper) -> None:
        self._store = store
        self._session = session
        self._starts: dict[SessionId, Gathered[Start, bool]] = {}
        self._completions = Gathered[Completion, Recorded](store.complete)
        self._held: set[Claim] = set()
        self._most_held = 0

    # --- what it holds

    def take(self, claim: Claim) -> None:
        """The claim is in our hands until it is dropped."""
        self._held.add(claim)
        self._most_held = max(self._most_held, len(self._held))

    def drop(self, claim: Claim) -> None:
        self._held.discard(claim)

    def forget(self) -> None:
        """The session is lost: what it held is no longer ours."""
        self._held.clear()

    def count_held(self) -> None:
        """Count anew for `most_held`."""
        self._most_held = len(self._held)

    @property
    def most_held(self) -> int:
        """The most claims held at once since `count_held`."""
        return self._most_held

    # --- writes

    async def start(self, claim: Claim, session: SessionId) -> Entry:
        """Pass the point of no return. Repeats the same start id while the session lasts."""
        start = Start(claim.run, claim.token, StartId(fresh_id()))
        gathered = self._starts_of(session)
        wait_s = FIRST_WAIT_S
        while self._session.holds(session):
            try:
                granted = await gathered.write(start)
            except StoreError:
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
                continue
            if not granted:
                return Entry.REFUSED
            # The answer may have been long under way, and may be an old copy's.
            is_ours = self._session.holds(session) and not self._session.is_reset
            return Entry.GRANTED if is_ours else Entry.TOO_LATE
        return Entry.UNANSWERED

    def _starts_of(self, session: SessionId) -> Gathered[Start, bool]:
        if session not in self._starts:
            # A start belongs to the session that was granted the claim, and to no later one.
            self._starts = {
                session: Gathered(lambda starts: self._store.start(session, starts)),
            }
        return self._starts[session]

    async def complete(self, claim: Claim, ended: Ended) -> Recorded:
        """Record the outcome; a store that is away is waited for."""
        completion = Completion(
            claim.run, claim.token, ended.outcome, ended.retry_in_ms, ended.error
        )
        wait_s = FIRST_WAIT_S
        while True:
            try:
                recorded = await self._completions.write(completion)
            except StoreError:
                recorded = Recorded.UNANSWERED
            if recorded is not Recorded.UNANSWERED:
                return recorded
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    async def release(self, claims: Iterable[Claim]) -> None:
        """Give claims back unfinished. If this fails, they are swept with the session."""
        try:
            await self._store.release(list(claims))
        except StoreError as error:
            log.info("could not release claims, they go back with the session: %s", error)

    async def reconcile(self, held: Iterable[HeldRun]) -> None:
        """Give up what the store says is ours and we know nothing of.

        Such runs were granted or started by a call whose answer never came. Raises StoreError;
        then ask for them again.
        """
        ours = {(claim.run, claim.token) for claim in self._held}
        strays = [each for each in held if (each.claim.run, each.claim.token) not in ours]
        claimed = [each.claim for each in strays if each.state is RunState.CLAIMED]
        started = [each.claim for each in strays if each.state is RunState.STARTED]
        if claimed:
            await self._store.release(claimed)
        if started:
            log.warning(
                "started by unanswered calls, never entered: %s",
                ", ".join(str(claim.run) for claim in started),
            )
            error = "its start was never answered, so its handler was not entered"
            recorded = await self._store.complete(
                [Completion(claim.run, claim.token, Outcome.LOST, error=error) for claim in started]
            )
            if Recorded.UNANSWERED in recorded:
                raise StoreUnavailableError(self._store.name, "not all losses are recorded yet")
