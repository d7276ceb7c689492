"""A store whose every operation is a step in one transaction over `Records`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from cronfleet.model import (
    AuditRecord,
    Backfill,
    Claim,
    Digest,
    GapRecord,
    History,
    InstanceRecord,
    Instant,
    JobName,
    JobRecord,
    LockOwner,
    ProgramName,
    RunId,
    RunRecord,
    SessionId,
)
from cronfleet.store import (
    BEFORE_ALL,
    CANCEL,
    DUE,
    Backfilled,
    ClaimAnswer,
    ClaimItem,
    Completion,
    Declaration,
    DeclareAnswer,
    Fault,
    HeldRun,
    Hints,
    LockAnswer,
    Locker,
    LogLine,
    LogPart,
    LogPlace,
    Mark,
    Moved,
    NewSession,
    Order,
    Ordered,
    Recorded,
    Seen,
    Start,
    StoreInfo,
    Swept,
    Triggered,
    asks_to_cancel,
    check_backfill,
    lock_topic,
    makes_more,
)
from cronfleet.stores.hub import Hub
from cronfleet.stores.lockers import LoopLocker
from cronfleet.stores.steps import (
    backfills,
    cancels,
    checking,
    claims,
    defining,
    jobs,
    locks,
    logs,
    looking,
    needs,
    orders,
    resets,
    runs,
    sessions,
)
from cronfleet.stores.steps.jobs import Declarer
from cronfleet.stores.steps.needs import NOTHING, Needs
from cronfleet.stores.steps.records import Records

Answer = TypeVar("Answer")


class SteppedStore(ABC):
    """All of `Store` but `open`, `aclose`, `renewer` and `another`; see there for what it does."""

    def __init__(self) -> None:
        self._hub = Hub()

    @property
    @abstractmethod
    def name(self) -> str:
        """See `Store`."""

    @property
    def tells_all(self) -> bool:
        return True

    def hints(self, topic: str) -> Hints:
        return self._hub.listen(topic)

    def locker(self) -> Locker:
        return LoopLocker(self)

    @abstractmethod
    async def _step(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        """Run `step` in one transaction: all of what it writes, or nothing.

        What is `needed` may be loaded first, by a store that is not in this process.
        """

    async def _stirring(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        """Run a step after which there may be more to claim, unless its answer is nothing."""
        answer = await self._step(step, needed)
        if answer:
            self._hub.tell(DUE)
        return answer

    async def _read(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        """Run a step that writes nothing. A store may have a cheaper way for it."""
        return await self._step(step, needed)

    async def join(self, session: NewSession) -> None:
        await self._step(lambda records: sessions.join(records, session))

    async def leave(self, session: SessionId) -> None:
        await self._step(lambda records: sessions.leave(records, session), needs.to_end(session))

    async def held(self, session: SessionId) -> list[HeldRun]:
        return await self._read(lambda records: sessions.held(records, session))

    async def close(self, session: SessionId, counter: int, epoch: int) -> bool:
        return await self._step(
            lambda records: sessions.close(records, session, counter, epoch), needs.to_end(session)
        )

    async def sweep(self, limit: int = 200) -> list[Swept]:
        return await self._stirring(lambda records: sessions.sweep(records, limit))

    async def sync_jobs(
        self,
        session: SessionId,
        program: ProgramName,
        declarations: Sequence[Declaration],
        marks: Sequence[Mark] = (),
    ) -> list[DeclareAnswer]:
        declarer = Declarer(session, program, marks)
        return await self._stirring(
            lambda records: jobs.sync_jobs(records, declarer, declarations),
            needs.to_sync(session, declarations),
        )

    async def define(
        self, program: ProgramName, declared: Declaration, seen: int | None, order: Order
    ) -> DeclareAnswer | Ordered:
        return await self._stirring(
            lambda records: defining.define(records, program, declared, seen, order),
            needs.to_define(declared),
        )

    async def remove(
        self,
        job: JobName,
        moved: Moved,
        order: Order,
        *,
        undeclared_ms: int | None = None,
        limit: int = 200,
    ) -> Ordered:
        return await self._step(
            lambda records: defining.remove(records, job, moved, order, undeclared_ms, limit),
            needs.to_remove(job),
        )

    async def undeclared(self, jobs: Sequence[JobName]) -> list[JobRecord]:
        return await self._step(
            lambda records: defining.undeclared(records, jobs), needs.to_note(jobs)
        )

    async def definitions(self, digests: Sequence[Digest]) -> list[str | None]:
        return await self._read(
            lambda records: [records.definition(digest) for digest in digests],
            needs.to_look_up(digests),
        )

    async def note(self, name: str, value: str) -> str:
        return await self._step(
            lambda records: jobs.note(records, name, value), Needs(takes_turns=True)
        )

    async def peek(self, program: ProgramName, limit: int, skip: int = 0) -> Seen:
        return await self._read(
            lambda records: looking.peek(records, program, limit, skip),
            needs.to_look(program, limit, skip),
        )

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        answers = await self._step(
            lambda records: claims.claim(records, session, items), needs.to_claim(session, items)
        )
        if asks_to_cancel(items):
            self._hub.tell(CANCEL)
        if makes_more(answers):
            self._hub.tell(DUE)
        return answers

    async def start(self, session: SessionId, starts: Sequence[Start]) -> list[bool]:
        return await self._step(
            lambda records: runs.start(records, session, starts), needs.to_start(session, starts)
        )

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        return await self._stirring(
            lambda records: runs.complete(records, completions), needs.to_complete(completions)
        )

    async def release(self, claims: Sequence[Claim]) -> list[bool]:
        return await self._stirring(
            lambda records: runs.release(records, claims), needs.to_release(claims)
        )

    async def trigger(self, job: JobName, order: Order) -> Triggered | Ordered:
        return await self._stirring(
            lambda records: orders.trigger(records, job, order), needs.to_order(job)
        )

    async def pause(self, job: JobName, order: Order, until: Instant | None = None) -> Ordered:
        return await self._step(
            lambda records: orders.pause(records, job, order, until), needs.to_order(job)
        )

    async def resume(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        return await self._stirring(
            lambda records: orders.resume(records, job, moved, order), needs.to_move(job)
        )

    async def skip_next(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        return await self._stirring(
            lambda records: orders.skip_next(records, job, moved, order), needs.to_move(job)
        )

    async def backfill(
        self, job: JobName, fire_times: Sequence[Instant], order: Order, *, again: bool
    ) -> Backfilled | Ordered:
        check_backfill(fire_times)
        return await self._stirring(
            lambda records: backfills.backfill(records, job, fire_times, order, again=again),
            needs.to_backfill(job, fire_times),
        )

    async def cancel(self, run: RunId, order: Order) -> Ordered:
        answer = await self._step(
            lambda records: cancels.cancel(records, run, order), needs.to_cancel(run)
        )
        self._hub.tell(CANCEL if answer is Ordered.ASKED else DUE)
        return answer

    async def settle(self, id_seen: str, job: JobName, moved: Moved) -> Ordered:
        return await self._step(
            lambda records: resets.settle(records, id_seen, job, moved), needs.to_settle(job)
        )

    async def clear(self, id_seen: str, job: JobName, limit: int = 200) -> int:
        return await self._step(
            lambda records: resets.clear(records, id_seen, job, limit), needs.to_clear(job)
        )

    async def adopt(self, id_seen: str, order: Order) -> StoreInfo:
        return await self._stirring(
            lambda records: resets.adopt(records, id_seen, order), needs.to_adopt()
        )

    async def check(
        self, job: JobName, moved: Moved | None = None, repair: Order | None = None
    ) -> list[Fault]:
        if repair is None:
            return await self._read(
                lambda records: checking.check(records, job, moved, None), needs.to_check(job)
            )
        return await self._stirring(
            lambda records: checking.check(records, job, moved, repair), needs.to_repair(job)
        )

    async def check_fleet(self, repair: Order | None = None) -> list[Fault]:
        if repair is None:
            return await self._read(lambda records: checking.check_fleet(records, None))
        return await self._step(lambda records: checking.check_fleet(records, repair))

    async def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        return await self._step(
            lambda records: locks.lock(records, name, owner, ttl_ms, waits=waits),
            needs.to_lock(name),
        )

    async def renew_lock(self, name: str, owner: LockOwner, ttl_ms: int) -> bool:
        return await self._step(
            lambda records: locks.renew_lock(records, name, owner, ttl_ms),
            needs.to_keep_or_unlock(name),
        )

    async def unlock(self, name: str, owner: LockOwner) -> bool:
        unlocked = await self._step(
            lambda records: locks.unlock(records, name, owner), needs.to_keep_or_unlock(name)
        )
        if unlocked.following:
            self._hub.tell(lock_topic(unlocked.following))
        return unlocked.was_held

    async def append_logs(self, parts: Sequence[LogPart]) -> None:
        await self._step(lambda records: logs.append(records, parts), needs.to_append(parts))

    async def run_log(self, run: RunId, after: LogPlace = BEFORE_ALL) -> list[LogLine]:
        return await self._read(lambda records: list(records.logs.lines(run, after)))

    async def job(self, name: JobName) -> JobRecord | None:
        return await self._read(lambda records: records.job(name))

    async def jobs(self, limit: int = 200, after: JobName = "") -> list[JobRecord]:
        return await self._read(lambda records: list(records.jobs(limit, after)))

    async def definition(self, digest: Digest) -> str | None:
        return await self._read(lambda records: records.definition(digest))

    async def run(self, run: RunId) -> RunRecord | None:
        return await self._read(lambda records: records.run(run))

    async def runs(self, job: JobName, limit: int = 50, skip: int = 0) -> list[RunRecord]:
        return await self._read(lambda records: list(records.runs(job, limit, skip)))

    async def gaps(self, job: JobName, limit: int = 50, skip: int = 0) -> list[GapRecord]:
        return await self._read(lambda records: list(records.gaps(job, limit, skip)))

    async def backfills(self, job: JobName) -> list[Backfill]:
        return await self._read(lambda records: list(records.backfills(job)))

    async def instances(self) -> list[InstanceRecord]:
        return await self._read(sessions.instances)

    async def audit(self, limit: int = 50, skip: int = 0) -> list[AuditRecord]:
        return await self._read(lambda records: list(records.audit(limit, skip)))

    async def prune(self, kept: Mapping[JobName, History], limit: int = 200) -> int:
        return await self._step(lambda records: looking.prune(records, kept, limit))
