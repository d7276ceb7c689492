"""The store in a PostgreSQL database: each step of the contract one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TypeVar

from cronfleet.clock import Clock
from cronfleet.errors import StoreRefusedError, StoreUnavailableError
from cronfleet.model import History, JobName, SessionId
from cronfleet.promise import Promise, postgres_promise
from cronfleet.store import (
    DUE,
    ClaimAnswer,
    ClaimItem,
    Completion,
    Fault,
    FaultKind,
    Hints,
    Moved,
    Order,
    Recorded,
    Renewal,
    Renewer,
    Store,
    StoreInfo,
    Swept,
)
from cronfleet.stores.postgres import parts
from cronfleet.stores.postgres.address import Address, schema_of
from cronfleet.stores.postgres.blocking import BlockingLink
from cronfleet.stores.postgres.links import BRIEF_LOCK_SHARE, LOCK_SHARE, STATEMENT_SHARE
from cronfleet.stores.postgres.listening import Listening
from cronfleet.stores.postgres.opening import prepared
from cronfleet.stores.postgres.parts import Answers, Part
from cronfleet.stores.postgres.pool import Pool
from cronfleet.stores.postgres.queries import Query, query
from cronfleet.stores.postgres.records import PostgresRecords
from cronfleet.stores.postgres.statements import statements
from cronfleet.stores.postgres.talking import Talk
from cronfleet.stores.steps import looking, needs, sessions
from cronfleet.stores.steps.needs import NOTHING, Needs
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.stepped import SteppedStore

Answer = TypeVar("Answer")

_MIGRATION_S = 30.0
"""Opening may wait for another instance that migrates."""

_ASKED_AT_ONCE = 25
"""Of so many jobs it is asked at once which runs may go; each may answer with as many as the limit."""


class PostgresStore(SteppedStore):
    """Shared by all instances that name the same database and fleet.

    Each fleet has a schema of its own: `default` the schema `cronfleet`, any other one
    `cronfleet_<fleet>`. A call that takes longer than `call_timeout` seconds raises
    StoreUnavailableError; it should be at most a quarter of a session's TTL. Time is the server's,
    unless a clock is given. Works through a pooler, in transaction mode too.

    Raises ConfigurationError for a URL that cannot be read, or a fleet's name that cannot be part
    of a schema's.
    """

    def __init__(
        self,
        url: str,
        *,
        fleet: str = "default",
        clock: Clock | None = None,
        call_timeout: float = 2.5,
    ) -> None:
        super().__init__()
        self._made_with = (url, fleet, clock, call_timeout)
        self._address = Address(url, call_timeout)
        self._address.check()
        self._schema = schema_of(fleet)
        self._statements = statements(self._schema)
        self._talk = Talk(self._schema, _bounds(call_timeout), clock)
        self._briefly = replace(self._talk, bounds=_bounds(call_timeout, BRIEF_LOCK_SHARE))
        self._timeout_s = call_timeout
        self._listening = Listening(self._address, self._schema, self._hub)
        self._pool: Pool | None = None

    @property
    def name(self) -> str:
        return self._address.name

    async def open(self) -> StoreInfo:
        async with AsyncExitStack() as undo:
            pool = self._pool
            if pool is None:
                pool = Pool(self._address, self._statements)
                undo.push_async_callback(pool.aclose)
            bounds = _bounds(_MIGRATION_S)
            await pool.take(lambda: prepared(self.name, self._schema, bounds), _MIGRATION_S)
            info = await pool.take(lambda: self._talk.write(sessions.info, needs.to_open()))
            if self._pool is None:  # Another task may have been quicker.
                undo.pop_all()
                self._pool = pool
        return info

    async def promise(self) -> Promise:
        return postgres_promise(await self._opened().take(self._talk.facts))

    async def check(
        self, job: JobName, moved: Moved | None = None, repair: Order | None = None
    ) -> list[Fault]:
        faults = await super().check(job, moved, repair)
        return faults + await self._strays(job, mends=repair is not None)

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        answers = await super().claim(session, items)
        if again := parts.runs_lost_with_ticks(items, answers):
            said = await super().claim(session, [items[at] for at in again])
            for at, answer in zip(again, said, strict=True):
                answers[at] = answer
        return answers

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        """What others have in hand is waited for last, one job after the other."""
        time = asyncio.get_running_loop().time
        ends_at = time() + self._timeout_s
        answers = await self._record(self._talk, parts.free(completions), self._timeout_s)
        for part in parts.by_job(completions, answers):
            left_s = ends_at - time()
            if answers and left_s < self._timeout_s / 2:
                break
            # Those that have an answer are not to wait for it much longer.
            talk = self._briefly if answers else self._talk
            try:
                answers |= await self._record(talk, part, left_s)
            except StoreUnavailableError:
                if not answers:
                    raise  # Else it is the next job's turn: this one may be kept for long.
        if answers:
            self._tell_itself()
        return [answers.get(at, Recorded.UNANSWERED) for at in range(len(completions))]

    async def _record(self, talk: Talk, part: Part, timeout_s: float) -> Answers:
        return await self._opened().take(lambda: talk.write(part.record, part.needed), timeout_s)

    async def prune(self, kept: Mapping[JobName, History], limit: int = 200) -> int:
        """Jobs are asked about many at once: one after the other they would outlast the call."""
        jobs = list(kept.items())

        def step(records: PostgresRecords) -> int:
            pruned = 0
            for first in range(0, len(jobs), _ASKED_AT_ONCE):
                part, left = dict(jobs[first : first + _ASKED_AT_ONCE]), limit - pruned
                records.see_beyond(looking.beyond(part, records.now, left))
                pruned += looking.prune(records, part, left)
                if pruned == limit:
                    break
            return pruned

        return await self._opened().take(lambda: self._talk.write(step, NOTHING))

    async def sweep(self, limit: int = 200) -> list[Swept]:
        """What others have in hand is waited for when nothing else is left, one job at a time."""
        time = asyncio.get_running_loop().time
        ends_at = time() + self._timeout_s
        swept, is_more_left = await self._sweep_free(limit, self._timeout_s)
        while is_more_left and not swept:
            swept = await self._sweep_one_job(limit, ends_at - time())
            if not swept:  # Whoever had that job in hand has ended its runs; others may be left.
                swept, is_more_left = await self._sweep_free(limit, ends_at - time())
        if swept:
            self._tell_itself()
        return swept

    def _tell_itself(self) -> None:
        """Where the server tells, it does so only if there is more to claim."""
        if not self._listening.hears:
            self._hub.tell(DUE)

    async def _sweep_free(self, limit: int, timeout_s: float) -> tuple[list[Swept], bool]:
        return await self._opened().take(
            lambda: self._talk.write(
                lambda records: parts.sweep_free(records, limit), Needs(passes_over=True)
            ),
            timeout_s,
        )

    async def _sweep_one_job(self, limit: int, timeout_s: float) -> list[Swept]:
        return await self._opened().take(
            lambda: self._talk.write(lambda records: sessions.sweep(records, limit), NOTHING),
            timeout_s,
        )

    async def _strays(self, job: JobName, *, mends: bool) -> list[Fault]:
        """Whether each run of the job stands under its job's program."""

        def step(records: PostgresRecords) -> list[Fault]:
            strays = records.misplaced_runs(job)
            if mends and strays:
                records.put_in_place(job)
            return [Fault(FaultKind.INDEX, f"run {run}", mends, "program") for run in strays]

        talk = self._talk.write if mends else self._talk.read
        return await self._opened().take(lambda: talk(step, NOTHING))

    async def aclose(self) -> None:
        await self._listening.aclose()
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    def hints(self, topic: str) -> Hints:
        self._listening.start()
        return super().hints(topic)

    @property
    def tells_all(self) -> bool:
        return not self._listening.is_in_vain

    def renewer(self) -> Renewer:
        return _PostgresRenewer(self._talk, BlockingLink(self._address, self._statements))

    def another(self) -> Store:
        url, fleet, clock, call_timeout = self._made_with
        return PostgresStore(url, fleet=fleet, clock=clock, call_timeout=call_timeout)

    async def _step(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        return await self._opened().take(lambda: self._talk.write(step, needed))

    async def _read(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        return await self._opened().take(lambda: self._talk.read(step, needed))

    def _opened(self) -> Pool:
        if self._pool is None:
            raise StoreRefusedError(f"the store {self.name} is not open: open it first")
        return self._pool


class _PostgresRenewer:
    """A blocking connection for the renewal thread."""

    def __init__(self, talk: Talk, link: BlockingLink) -> None:
        self._talk = talk
        self._link = link

    def renew(self, session: SessionId) -> Renewal | None:
        needed = needs.to_renew(session)
        step = self._talk.write(lambda records: sessions.renew(records, session), needed)
        return self._link.take(step)

    def close(self) -> None:
        self._link.close()


def _bounds(timeout_s: float, lock_share: float = LOCK_SHARE) -> Query:
    """How long the server itself may wait.

    A client that falls silent in a transaction for the time of a call is ended: no call lasts longer,
    and others may be waiting for what it has in hand.
    """
    ms = timeout_s * 1000
    return query(
        "bounds",
        lock_ms=str(max(1, round(ms * lock_share))),
        statement_ms=str(max(1, round(ms * STATEMENT_SHARE))),
        idle_ms=str(max(1, round(ms))),
    )
