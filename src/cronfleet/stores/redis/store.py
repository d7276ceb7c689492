"""The store on one Redis or Valkey server: one Lua script an operation."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from redis.exceptions import NoScriptError, RedisError

from cronfleet.clock import Clock
from cronfleet.definition import manifest_of
from cronfleet.errors import StoreRefusedError
from cronfleet.masking import masked
from cronfleet.model import (
    AuditRecord,
    Claim,
    Digest,
    GapRecord,
    History,
    InstanceRecord,
    JobName,
    JobRecord,
    ProgramName,
    RunId,
    RunRecord,
    RunState,
    SessionId,
)
from cronfleet.store import (
    MOST_WAITING,
    SOON_MS,
    ClaimAnswer,
    ClaimItem,
    Completion,
    Declaration,
    DeclareAnswer,
    HeldRun,
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
from cronfleet.stores.redis import codec, server
from cronfleet.stores.redis.codec import Argument, Reply
from cronfleet.stores.redis.connections import (
    Connection,
    Connections,
    check_url,
    connection,
    connections,
    described,
)
from cronfleet.stores.redis.scripts import script

Item = TypeVar("Item")

MOST_ITEMS = 200
"""A script holds the server for as long as it runs: long lists are cut."""

MOST_LABEL_CHARACTERS = 64
"""Every run carries the label; one longer field would triple the memory of each."""

SCHEMA = 1


class RedisStore:
    """The contract on one server. All keys of a fleet carry one hash tag.

    `call_timeout` is in seconds. The driver's own retries are off: it would send a command twice
    whose answer was lost. Raises ConfigurationError for an URL that cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        fleet: str = "default",
        clock: Clock | None = None,
        call_timeout: float = 2.5,
    ) -> None:
        check_url(url)
        self._url = url
        self._base = f"cronfleet:{{{fleet}}}:"
        self._clock = clock
        self._call_timeout = call_timeout
        self._client: Connections | None = None

    @property
    def name(self) -> str:
        return masked(self._url)

    # --- connections

    async def open(self) -> StoreInfo:
        if self._client is None:
            client = await self._connected()
            if self._client is None:
                self._client = client
            else:
                await client.aclose()  # Another call opened it meanwhile.
        info = codec.store_info(await self._call("open", secrets.token_hex(16)))
        if info.schema > SCHEMA:
            raise StoreRefusedError(
                f"the store {self.name} was written by a newer cronfleet (schema {info.schema}, "
                f"this one knows {SCHEMA}): update cronfleet here"
            )
        return info

    async def _connected(self) -> Connections:
        client = connections(self._url, self._call_timeout)
        try:
            server.check(self.name, *await described(client))
        except (RedisError, OSError) as error:
            await client.aclose()
            raise server.in_our_words(self.name, error) from error
        except StoreRefusedError:
            await client.aclose()
            raise
        return client

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def renewer(self) -> Renewer:
        return _RedisRenewer(self, connection(self._url, self._call_timeout))

    # --- calling scripts

    def arguments(self, arguments: Iterable[Argument]) -> list[Argument]:
        """Every script's keys and arguments: the base key, a clock for tests, and its own."""
        return [self._base, "" if self._clock is None else self._clock.wall_ms(), *arguments]

    async def _call(self, name: str, *arguments: Argument) -> Reply:
        wanted, client = script(name), self._client
        if client is None:
            raise StoreRefusedError(f"the store {self.name} is not open: await its open() first")
        packed = self.arguments(arguments)
        try:
            try:
                return await client.evalsha(wanted.sha, 1, *packed)
            except NoScriptError:
                return await client.eval(wanted.text, 1, *packed)
        except (RedisError, OSError) as error:
            raise server.in_our_words(self.name, error) from error
        finally:
            if client is not self._client:
                await client.aclose()  # Closed under this call, which may have connected since.

    async def _call_in_parts(
        self,
        name: str,
        first: Sequence[Argument],
        items: Sequence[Item],
        pack: Callable[[Item], Sequence[Argument]],
    ) -> list[Reply]:
        """One call for each `MOST_ITEMS` items, one after the other; their answers in one list."""
        packed = [pack(each) for each in items]  # All, so that a bad one stops them all.
        answers: list[Reply] = []
        for start in range(0, len(packed), MOST_ITEMS):
            part = itertools.chain.from_iterable(packed[start : start + MOST_ITEMS])
            answers += await self._call(name, *first, *part)
        return answers

    # --- sessions

    async def join(self, session: NewSession) -> None:
        await self._call(
            "join",
            session.id,
            session.program,
            session.label[:MOST_LABEL_CHARACTERS],
            session.ttl_ms,
            session.tzdata,
        )

    async def leave(self, session: SessionId) -> None:
        await self._call("leave", session)

    async def held(self, session: SessionId) -> list[HeldRun]:
        runs = [codec.held_run(each) for each in await self._call("held", session)]
        return sorted(runs, key=lambda each: each.claim.run)

    async def close(self, session: SessionId, counter: int, epoch: int) -> bool:
        return bool(await self._call("close", session, counter, epoch))

    async def sweep(self, limit: int = 200) -> list[Swept]:
        swept = await self._call("sweep", min(limit, MOST_ITEMS))
        return [Swept(RunId.parse(run), RunState(state)) for run, state in swept]

    # --- jobs

    async def sync_jobs(
        self, session: SessionId, program: ProgramName, declarations: Sequence[Declaration]
    ) -> list[DeclareAnswer]:
        replies = await self._call_in_parts(
            "declare", [session, program], declarations, codec.declaration
        )
        digests = [each.digest for each in declarations]
        manifest = manifest_of(digests)
        starts = range(0, max(len(digests), 1), MOST_ITEMS)
        for start in starts:
            is_last = int(start == starts[-1])
            part = digests[start : start + MOST_ITEMS]
            await self._call("manifest", session, manifest, is_last, *part)
        return [codec.declared(each) for each in replies]

    async def note(self, name: str, value: str) -> str:
        return str(await self._call("note", name, value))

    # --- ticks

    async def peek(self, program: ProgramName, limit: int, skip: int = 0) -> Seen:
        return codec.seen(await self._call("peek", program, limit, skip, SOON_MS))

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        replies = await self._call_in_parts("claim", [session], items, codec.item)
        return [codec.claim_answer(each) for each in replies]

    async def start(self, session: SessionId, starts: Sequence[Start]) -> list[bool]:
        replies = await self._call_in_parts(
            "start", [session], starts, lambda each: (str(each.run), each.token, each.start_id)
        )
        return [bool(each) for each in replies]

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        replies = await self._call_in_parts("complete", [], completions, _completion)
        return [Recorded(each) for each in replies]

    async def release(self, claims: Sequence[Claim]) -> list[bool]:
        replies = await self._call_in_parts(
            "release", [], claims, lambda each: (str(each.run), each.token)
        )
        return [bool(each) for each in replies]

    # --- the operator's verbs

    async def trigger(self, job: JobName, order: Order) -> Triggered | Ordered:
        reply = await self._call("trigger", job, *_order(order), MOST_WAITING)
        if isinstance(reply, str):
            return Ordered(reply)
        state, run, paused = reply
        return Triggered(RunId.parse(run), RunState(state), bool(paused))

    async def pause(self, job: JobName, order: Order) -> Ordered:
        return Ordered(await self._call("pause", job, *_order(order)))

    async def resume(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        return Ordered(await self._call("resume", job, *_order(order), *codec.moved(moved)))

    async def skip_next(self, job: JobName, moved: Moved, order: Order) -> Ordered:
        return Ordered(await self._call("skip_next", job, *_order(order), *codec.moved(moved)))

    # --- reading

    async def job(self, name: JobName) -> JobRecord | None:
        return next((codec.job(each) for each in await self._call("jobs", 1, "", name)), None)

    async def jobs(self, limit: int = 200, after: JobName = "") -> list[JobRecord]:
        return [codec.job(each) for each in await self._call("jobs", limit, after, "")]

    async def definition(self, digest: Digest) -> str | None:
        return await self._call("definition", digest)

    async def run(self, run: RunId) -> RunRecord | None:
        found = await self._call("runs", run.job, 1, 0, str(run))
        return next((codec.run(each) for each in found), None)

    async def runs(self, job: JobName, limit: int = 50, skip: int = 0) -> list[RunRecord]:
        return [codec.run(each) for each in await self._call("runs", job, limit, skip, "")]

    async def gaps(self, job: JobName, limit: int = 50, skip: int = 0) -> list[GapRecord]:
        return [codec.gap(job, each) for each in await self._call("gaps", job, limit, skip)]

    async def instances(self) -> list[InstanceRecord]:
        return [codec.instance(each) for each in await self._call("instances")]

    async def audit(self, limit: int = 50, skip: int = 0) -> list[AuditRecord]:
        return [codec.audit(each) for each in await self._call("audit", limit, skip)]

    async def prune(self, job: JobName, history: History, limit: int = 200) -> int:
        keep = (history.successes, history.failures, history.age_ms)
        return int(await self._call("prune", job, *keep, min(limit, MOST_ITEMS)))


class _RedisRenewer:
    """A blocking connection for the renewal thread."""

    def __init__(self, store: RedisStore, client: Connection) -> None:
        self._store = store
        self._client = client

    def renew(self, session: SessionId) -> Renewal | None:
        wanted = script("renew")
        packed = self._store.arguments([session])
        try:
            try:
                reply = self._client.evalsha(wanted.sha, 1, *packed)
            except NoScriptError:
                reply = self._client.eval(wanted.text, 1, *packed)
        except (RedisError, OSError) as error:
            raise server.in_our_words(self._store.name, error) from error
        return None if reply is None else codec.renewal(reply)

    def close(self) -> None:
        self._client.close()


def _order(order: Order) -> tuple[str, str, str]:
    return order.key, order.who, order.why


def _completion(each: Completion) -> Sequence[Argument]:
    retry_in = "" if each.retry_in_ms is None else each.retry_in_ms
    return str(each.run), each.token, each.outcome, retry_in, each.kept_error
