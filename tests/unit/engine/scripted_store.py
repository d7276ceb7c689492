"""A store in memory whose answers can be lost, late, early or refused, call by call."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar, cast

from cronfleet.clock import Clock
from cronfleet.errors import StoreUnavailableError
from cronfleet.model import (
    Claim,
    Digest,
    History,
    Instant,
    JobName,
    JobRecord,
    LockOwner,
    ProgramName,
    RunId,
    SessionId,
)
from cronfleet.store import (
    Backfilled,
    ClaimAnswer,
    ClaimItem,
    Completion,
    Declaration,
    DeclareAnswer,
    HeldRun,
    LockAnswer,
    LogPart,
    Mark,
    Moved,
    NewSession,
    Order,
    Ordered,
    Recorded,
    Renewal,
    Renewer,
    Seen,
    Start,
    StoreInfo,
    Swept,
    Triggered,
)
from cronfleet.stores.memory import MemoryStore
from cronfleet.stores.memory import _MemoryRecords as Backup

Answer = TypeVar("Answer")


class Fault(Protocol):
    """What happens to one call."""

    async def __call__(self, call: Callable[[], Awaitable[Answer]], /) -> Answer: ...


def gone(what: str) -> StoreUnavailableError:
    return StoreUnavailableError("scripted:", what)


async def lost_request(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """It never arrives."""
    raise gone("the request was lost")


async def lost_answer(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """It is applied, and nobody is told."""
    await call()
    raise gone("the answer was lost")


def late_answer(span_s: float) -> Fault:
    """It is applied at once, and answered so much later."""

    async def fault(call: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await call()
        await asyncio.sleep(span_s)
        return answer

    return fault


def late_request(span_s: float) -> Fault:
    """It arrives so much later, and is answered then."""

    async def fault(call: Callable[[], Awaitable[Answer]]) -> Answer:
        await asyncio.sleep(span_s)
        return await call()

    return fault


def zombie(after_s: float) -> Fault:
    """The caller is told that it is lost; it arrives all the same, so much later."""

    async def fault(call: Callable[[], Awaitable[Answer]]) -> Answer:
        async def arrive() -> None:
            await asyncio.sleep(after_s)
            await call()

        fault.__dict__["task"] = asyncio.create_task(arrive())
        raise gone("the request is late")

    return fault


async def not_got_to(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """It is a completion that the store left undone."""
    return cast("Answer", [Recorded.UNANSWERED])


def first(act: Callable[[], Awaitable[object]]) -> Fault:
    """Something else happens before it arrives."""

    async def fault(call: Callable[[], Awaitable[Answer]]) -> Answer:
        await act()
        return await call()

    return fault


def after(act: Callable[[], object]) -> Fault:
    """Something else happens between its answer and what the caller does with it."""

    async def fault(call: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await call()
        act()
        return answer

    return fault


class ScriptedStore(MemoryStore):
    """Counts all calls, and does to the next ones what it is told."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.calls: Counter[str] = Counter()
        self.is_away = False
        self.broken: dict[str, Exception] = {}
        self.renewals_fail = 0
        self.renewals_fail_for: set[SessionId] = set()
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def next(self, operation: str, *faults: Fault) -> None:
        """What is to happen to the next calls of that operation."""
        self._faults[operation].extend(faults)

    @property
    def total(self) -> int:
        return self.calls.total()

    async def _told(self, operation: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        self.calls[operation] += 1
        if operation in self.broken:
            raise self.broken[operation]
        if self.is_away:
            raise gone(operation)
        faults = self._faults[operation]
        return await (faults.popleft()(call) if faults else call())

    # --- what the engine calls

    async def open(self) -> StoreInfo:
        parent = super()
        return await self._told("open", parent.open)

    async def join(self, session: NewSession) -> None:
        parent = super()
        await self._told("join", lambda: parent.join(session))

    async def leave(self, session: SessionId) -> None:
        parent = super()
        await self._told("leave", lambda: parent.leave(session))

    async def held(self, session: SessionId) -> list[HeldRun]:
        parent = super()
        return await self._told("held", lambda: parent.held(session))

    async def close(self, session: SessionId, counter: int, epoch: int) -> bool:
        parent = super()
        return await self._told("close", lambda: parent.close(session, counter, epoch))

    async def sweep(self, limit: int = 200) -> list[Swept]:
        parent = super()
        return await self._told("sweep", lambda: parent.sweep(limit))

    async def sync_jobs(
        self,
        session: SessionId,
        program: ProgramName,
        declarations: Sequence[Declaration],
        marks: Sequence[Mark] = (),
    ) -> list[DeclareAnswer]:
        parent = super()
        return await self._told(
            "sync_jobs", lambda: parent.sync_jobs(session, program, declarations, marks)
        )

    async def define(
        self, program: ProgramName, declared: Declaration, seen: int | None, order: Order
    ) -> DeclareAnswer | Ordered:
        parent = super()
        return await self._told("define", lambda: parent.define(program, declared, seen, order))

    async def definitions(self, digests: Sequence[Digest]) -> list[str | None]:
        parent = super()
        return await self._told("definitions", lambda: parent.definitions(digests))

    async def undeclared(self, jobs: Sequence[JobName]) -> list[JobRecord]:
        parent = super()
        return await self._told("undeclared", lambda: parent.undeclared(jobs))

    async def peek(self, program: ProgramName, limit: int, skip: int = 0) -> Seen:
        parent = super()
        return await self._told("peek", lambda: parent.peek(program, limit, skip))

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        parent = super()
        return await self._told("claim", lambda: parent.claim(session, items))

    async def start(self, session: SessionId, starts: Sequence[Start]) -> list[bool]:
        parent = super()
        return await self._told("start", lambda: parent.start(session, starts))

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        parent = super()
        return await self._told("complete", lambda: parent.complete(completions))

    async def release(self, claims: Sequence[Claim]) -> list[bool]:
        parent = super()
        return await self._told("release", lambda: parent.release(claims))

    async def trigger(self, job: JobName, order: Order) -> Triggered | Ordered:
        parent = super()
        return await self._told("trigger", lambda: parent.trigger(job, order))

    async def backfill(
        self, job: JobName, fire_times: Sequence[Instant], order: Order, *, again: bool
    ) -> Backfilled | Ordered:
        parent = super()
        return await self._told(
            "backfill", lambda: parent.backfill(job, fire_times, order, again=again)
        )

    async def cancel(self, run: RunId, order: Order) -> Ordered:
        parent = super()
        return await self._told("cancel", lambda: parent.cancel(run, order))

    async def pause(self, job: JobName, order: Order, until: Instant | None = None) -> Ordered:
        parent = super()
        return await self._told("pause", lambda: parent.pause(job, order, until))

    async def resume(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        parent = super()
        return await self._told("resume", lambda: parent.resume(job, moved, order))

    async def skip_next(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        parent = super()
        return await self._told("skip_next", lambda: parent.skip_next(job, moved, order))

    async def settle(self, id_seen: str, job: JobName, moved: Moved) -> Ordered:
        parent = super()
        return await self._told("settle", lambda: parent.settle(id_seen, job, moved))

    async def prune(self, kept: Mapping[JobName, History], limit: int = 200) -> int:
        parent = super()
        return await self._told("prune", lambda: parent.prune(kept, limit))

    async def append_logs(self, parts: Sequence[LogPart]) -> None:
        parent = super()
        await self._told("append_logs", lambda: parent.append_logs(parts))

    async def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        parent = super()
        return await self._told("lock", lambda: parent.lock(name, owner, ttl_ms, waits=waits))

    async def renew_lock(self, name: str, owner: LockOwner, ttl_ms: int) -> bool:
        parent = super()
        return await self._told("renew_lock", lambda: parent.renew_lock(name, owner, ttl_ms))

    async def unlock(self, name: str, owner: LockOwner) -> bool:
        parent = super()
        return await self._told("unlock", lambda: parent.unlock(name, owner))

    def renewer(self) -> Renewer:
        return _ScriptedRenewer(self, super().renewer())

    def empty(self) -> None:
        """What a restart without data does: everything is gone, and its id is another."""
        fresh = MemoryStore(self._records._clock)
        self._records = fresh._records

    def copy(self) -> Backup:
        """All that is in it now."""
        return _copied(self._records)

    def restore(self, backup: Backup, *, epoch: int = 0) -> None:
        """Put an old copy in its place; with `epoch`, that much later, as a failover does."""
        self._records = _copied(backup)
        self.step(
            lambda records: records.put_fleet(
                replace(records.fleet(), epoch=records.fleet().epoch + epoch)
            )
        )


def _copied(records: Backup) -> Backup:
    made = copy.copy(records)
    for name, value in vars(records).items():
        if isinstance(value, dict | list):
            setattr(made, name, copy.copy(value))  # pyright: ignore[reportUnknownArgumentType] - of whatever is in it
    made._gaps = {job: dict(gaps) for job, gaps in records._gaps.items()}
    return made


class _ScriptedRenewer:
    def __init__(self, store: ScriptedStore, renewer: Renewer) -> None:
        self._store = store
        self._renewer = renewer

    def renew(self, session: SessionId) -> Renewal | None:
        self._store.calls["renew"] += 1
        self._store.renewals_fail -= 1
        if (
            self._store.is_away
            or self._store.renewals_fail >= 0
            or session in self._store.renewals_fail_for
        ):
            raise gone("renew")
        return self._renewer.renew(session)

    def close(self) -> None:
        self._renewer.close()
