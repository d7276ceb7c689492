"""The store on Redis or Valkey: one Lua script an operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, starmap

from cronfleet.chance import fresh_id
from cronfleet.definition import manifest_of
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
    RunState,
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
    Declared,
    Fault,
    HeldRun,
    LockAnswer,
    Locker,
    LogLine,
    LogPart,
    LogPlace,
    Mark,
    Moved,
    NewSession,
    NotGranted,
    Order,
    Ordered,
    Recorded,
    Renewal,
    Renewer,
    Seen,
    Start,
    Store,
    StoreInfo,
    Swept,
    TickClaim,
    Triggered,
    asks_to_cancel,
    check_backfill,
    makes_more,
)
from cronfleet.stores.redis import codec
from cronfleet.stores.redis.bounds import MOST_ITEMS, MOST_SEEN
from cronfleet.stores.redis.checking import check_fleet
from cronfleet.stores.redis.connections import (
    Connection,
)
from cronfleet.stores.redis.locker import RedisLocker
from cronfleet.stores.redis.opened import OpenRedis, parts
from cronfleet.stores.steps.checking import NO_SESSION
from cronfleet.stores.steps.resets import SET_ASIDE

MOST_LABEL_CHARACTERS = 64
"""Every run carries the label; one field longer than that would triple the memory of each."""


class RedisStore(OpenRedis):
    """Shared by all instances that name the same servers, database and fleet.

    A call that takes longer than `call_timeout` seconds raises StoreUnavailableError; it should
    be at most a quarter of a session's TTL. Time is the server's, unless a clock is given.

    Raises ConfigurationError for a URL that cannot be read, or a fleet's name that cannot stand
    in a key.
    """

    def another(self) -> Store:
        url, fleet, clock, call_timeout = self._made_with
        return RedisStore(url, fleet=fleet, clock=clock, call_timeout=call_timeout)

    def locker(self) -> Locker:
        return RedisLocker(
            self._script, lambda: Connection(self._address, self._base), self._begun_with
        )

    def renewer(self) -> Renewer:
        return _RedisRenewer(self, Connection(self._address, self._base))

    # --- sessions

    async def join(self, session: NewSession) -> None:
        label = session.label[:MOST_LABEL_CHARACTERS]
        await self._call("join", session.id, session.program, label, session.ttl_ms, session.tzdata)

    async def leave(self, session: SessionId) -> None:
        await self._call("leave", session)

    async def held(self, session: SessionId) -> list[HeldRun]:
        return [codec.held_run(each) for each in await self._call("held", session)]

    async def close(self, session: SessionId, counter: int, epoch: int) -> bool:
        return bool(await self._call("close", session, counter, epoch, self._may_ask))

    async def sweep(self, limit: int = 200) -> list[Swept]:
        most = min(limit, MOST_ITEMS)
        reply = await self._call("sweep", most)
        swept = [Swept(RunId.parse(run), RunState(state)) for run, state in reply]
        is_all = len(swept) < most or most == limit
        return swept if is_all else swept + await self.sweep(limit - most)

    # --- jobs

    async def sync_jobs(
        self,
        session: SessionId,
        program: ProgramName,
        declarations: Sequence[Declaration],
        marks: Sequence[Mark] = (),
    ) -> list[DeclareAnswer]:
        manifest = manifest_of([*(each.digest for each in declarations), *marks])
        cut = list(parts(declarations)) or [declarations]
        answers: list[DeclareAnswer] = []
        for number, part in enumerate(cut, 1):
            first, last = "first" * (number == 1), "last" * (number == len(cut))
            about = [session, program, manifest, first, last, len(marks), *marks]
            words = chain(*((*codec.declaration(each), codec.revives(each)) for each in part))
            said = await self._call("sync_jobs", *about, *words)
            if said is None:  # The session is not open.
                return answers + [Declared.SUPERSEDED] * (len(declarations) - len(answers))
            answers += [codec.declare_answer(each) for each in said]
        return answers

    async def define(
        self, program: ProgramName, declared: Declaration, seen: int | None, order: Order
    ) -> DeclareAnswer | Ordered:
        _, *definition = codec.declaration(declared)
        verb = "add" if seen is None else "update"
        words = (*codec.order(verb, declared.name, order), program, *definition)
        return codec.define_answer(await self._call("define", "" if seen is None else seen, *words))

    async def remove(
        self,
        job: JobName,
        moved: Moved,
        order: Order,
        *,
        undeclared_ms: int | None = None,
        limit: int = 200,
    ) -> Ordered:
        words = (*codec.order("remove", job, order), *codec.moved(moved))
        so_long = "" if undeclared_ms is None else undeclared_ms
        return Ordered(await self._call("remove", *words, so_long, min(limit, MOST_ITEMS)))

    async def undeclared(self, jobs: Sequence[JobName]) -> list[JobRecord]:
        replies = [await self._call("undeclared", *part) for part in parts(jobs)]
        return [codec.job(each) for each in chain(*replies)]

    async def definitions(self, digests: Sequence[Digest]) -> list[str | None]:
        replies = [await self._call("definitions", *part) for part in parts(digests)]
        return [codec.definition(each) for each in chain(*replies)]

    async def note(self, name: str, value: str) -> str:
        return str(await self._call("note", name, value))

    # --- ticks

    async def peek(self, program: ProgramName, limit: int, skip: int = 0) -> Seen:
        seen = codec.seen(await self._call("peek", program, min(limit, MOST_SEEN), skip))
        if limit <= MOST_SEEN or max(len(seen.due), len(seen.pending)) < MOST_SEEN:
            return seen
        more = await self.peek(program, limit - MOST_SEEN, skip + MOST_SEEN)
        return Seen(
            now=seen.now,
            due=[*seen.due, *more.due],
            soon=seen.soon,
            pending=[*seen.pending, *more.pending],
            next_due=seen.next_due,
            resuming=seen.resuming,
        )

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        answers: list[ClaimAnswer] = []
        refused: set[JobName] = set()
        packed = [codec.item(each) for each in items]  # All, before a bad one can come too late.
        for part, words in zip(parts(items), parts(packed), strict=True):
            said = await self._call("claim", session, len(refused), *refused, *chain(*words))
            if said is None:  # The session is not open and unexpired.
                answers += [NotGranted.LOST] * len(part)
                continue
            answered = [codec.claim_answer(*each) for each in zip(part, said, strict=True)]
            refused.update(
                item.job
                for item, answer in zip(part, answered, strict=True)
                if isinstance(item, TickClaim) and isinstance(answer, NotGranted)
            )
            answers += answered
        if asks_to_cancel(items):
            self._tell(CANCEL)
        if makes_more(answers):
            self._tell(DUE)
        return answers

    async def start(self, session: SessionId, starts: Sequence[Start]) -> list[bool]:
        packed = [codec.start(each) for each in starts]
        replies = await self._call_in_parts("start", [session], packed)
        return [bool(each) for each in replies]

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        packed = [codec.completion(each) for each in completions]
        replies = await self._call_in_parts("complete", [], packed)
        return [Recorded(each) for each in replies]

    async def release(self, claims: Sequence[Claim]) -> list[bool]:
        packed = [codec.claim(each) for each in claims]
        replies = await self._call_in_parts("release", [], packed)
        return [bool(each) for each in replies]

    # --- the operator's verbs

    async def trigger(self, job: JobName, order: Order) -> Triggered | Ordered:
        return codec.triggered(await self._call("trigger", *codec.order("trigger", job, order)))

    async def pause(self, job: JobName, order: Order, until: Instant | None = None) -> Ordered:
        words = (*codec.order("pause", job, order), "" if until is None else until)
        return Ordered(await self._call("pause", *words))

    async def resume(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        words = (*codec.order("resume", job, order), *codec.moved(moved))
        return Ordered(await self._call("resume", *words))

    async def skip_next(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        words = (*codec.order("skip_next", job, order), *codec.moved(moved))
        return Ordered(await self._call("skip_next", *words))

    async def backfill(
        self, job: JobName, fire_times: Sequence[Instant], order: Order, *, again: bool
    ) -> Backfilled | Ordered:
        check_backfill(fire_times)
        words = (*codec.order("backfill", job, order), "1" * again, *fire_times)
        return codec.backfilled(await self._call("backfill", *words))

    async def cancel(self, run: RunId, order: Order) -> Ordered:
        words = codec.order("cancel", run.job, order, about=str(run))
        return Ordered(await self._call("cancel", *words, order.by_whom))

    # --- after a reset

    async def settle(self, id_seen: str, job: JobName, moved: Moved) -> Ordered:
        return Ordered(await self._call("settle", id_seen, job, *codec.moved(moved)))

    async def clear(self, id_seen: str, job: JobName, limit: int = 200) -> int:
        return int(await self._call("clear", id_seen, job, min(limit, MOST_ITEMS), SET_ASIDE))

    async def adopt(self, id_seen: str, order: Order) -> StoreInfo:
        words = codec.order("adopt", "", order)
        return codec.info(await self._call("adopt", id_seen, fresh_id(), *words))

    # --- care

    async def check(
        self, job: JobName, moved: Moved | None = None, repair: Order | None = None
    ) -> list[Fault]:
        mends, audit = codec.mending(job, repair)
        said = await self._call("check", mends, NO_SESSION, audit, job, *codec.moved(moved))
        return [codec.fault(each) for each in said]

    async def check_fleet(self, repair: Order | None = None) -> list[Fault]:
        return await check_fleet(self, self._call, list(codec.mending("", repair)))

    # --- locks

    async def lock(self, name: str, owner: LockOwner, ttl_ms: int, *, waits: bool) -> LockAnswer:
        return codec.lock_answer(await self._call("lock", name, owner, ttl_ms, int(waits)))

    async def renew_lock(self, name: str, owner: LockOwner, ttl_ms: int) -> bool:
        return bool(await self._call("renew_lock", name, owner, ttl_ms))

    async def unlock(self, name: str, owner: LockOwner) -> bool:
        return bool(await self._call("unlock", name, owner))

    # --- what handlers log

    async def append_logs(self, parts: Sequence[LogPart]) -> None:
        packed = [codec.new_log_line(part.run, line) for part in parts for line in part.lines]
        await self._call_in_parts("append_logs", [], packed)

    async def run_log(self, run: RunId, after: LogPlace = BEFORE_ALL) -> list[LogLine]:
        return [codec.log_line(each) for each in await self._call("run_log", str(run), *after)]

    # --- reading

    async def job(self, name: JobName) -> JobRecord | None:
        return next((codec.job(each) for each in await self._call("jobs", "", name)), None)

    async def jobs(self, limit: int = 200, after: JobName = "") -> list[JobRecord]:
        page = [codec.job(each) for each in await self._call("jobs", min(limit, MOST_SEEN), after)]
        if limit <= MOST_SEEN or len(page) < MOST_SEEN:
            return page
        return page + await self.jobs(limit - MOST_SEEN, page[-1].name)

    async def definition(self, digest: Digest) -> str | None:
        return codec.definition(await self._call("definition", digest))

    async def run(self, run: RunId) -> RunRecord | None:
        return next((codec.run(each) for each in await self._call("runs", "", str(run))), None)

    async def runs(self, job: JobName, limit: int = 50, skip: int = 0) -> list[RunRecord]:
        return [codec.run(each) for each in await self._call("runs", job, limit, skip)]

    async def gaps(self, job: JobName, limit: int = 50, skip: int = 0) -> list[GapRecord]:
        return [codec.gap(job, each) for each in await self._call("gaps", job, limit, skip)]

    async def backfills(self, job: JobName) -> list[Backfill]:
        return [codec.backfill(each) for each in await self._call("backfills", job)]

    async def instances(self) -> list[InstanceRecord]:
        return [codec.instance(each) for each in await self._call("instances")]

    async def audit(self, limit: int = 50, skip: int = 0) -> list[AuditRecord]:
        return [codec.audit(each) for each in await self._call("audit", limit, skip)]

    async def prune(self, kept: Mapping[JobName, History], limit: int = 200) -> int:
        pruned = 0
        for part in parts(list(kept.items())):
            words = list(chain.from_iterable(starmap(codec.kept, part)))
            while pruned < limit:
                most = min(limit - pruned, MOST_ITEMS)
                found = int(await self._call("prune", most, *words))
                pruned += found
                if found < most:
                    break  # These jobs have no more.
        return pruned


class _RedisRenewer:
    """A blocking connection for the renewal thread."""

    def __init__(self, store: RedisStore, connection: Connection) -> None:
        self._store = store
        self._connection = connection

    def renew(self, session: SessionId) -> Renewal | None:
        reply = self._store.renew_by(self._connection, session)
        return None if reply is None else codec.renewal(reply)

    def close(self) -> None:
        self._connection.close()
