"""The store in an SQLite file: for any number of processes on one machine."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cronfleet.clock import Clock, SystemClock
from cronfleet.errors import ConfigurationError, StoreError, StoreRefusedError
from cronfleet.model import JobName, SessionId
from cronfleet.promise import Promise, sqlite_promise
from cronfleet.store import Fault, Moved, Order, Renewal, Renewer, Store, StoreInfo
from cronfleet.stores.sqlite.connection import Connection
from cronfleet.stores.sqlite.files import StoreFile
from cronfleet.stores.sqlite.writer import Writer
from cronfleet.stores.steps import sessions
from cronfleet.stores.steps.needs import NOTHING, Needs
from cronfleet.stores.steps.records import Records
from cronfleet.stores.steps.stepped import SteppedStore

Answer = TypeVar("Answer")

_FLEET = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class SqliteStore(SteppedStore):
    """Shared by all processes of one machine that name the same file.

    Each fleet has a file of its own: `default` the one at `path`, any other one beside it with
    its name before the suffix, as `cronfleet.teamA.db`. The file is for its owner alone, in a
    folder that nobody else can write, on a local disk; a missing folder is made. Whoever waits
    for another process's lock for `lock_timeout_ms` gets a StoreUnavailableError; it should be
    at most a quarter of a session's TTL.
    """

    tells_all: bool = False

    def __init__(
        self,
        path: str | Path,
        *,
        fleet: str = "default",
        clock: Clock | None = None,
        lock_timeout_ms: int = 2_500,
    ) -> None:
        super().__init__()
        self._made_with = (path, fleet, clock, lock_timeout_ms)
        self._file = StoreFile(_path_of(Path(path), fleet))
        self._clock = clock or SystemClock()
        self._lock_timeout_ms = lock_timeout_ms
        self._writer: Writer | None = None

    @property
    def name(self) -> str:
        return self._file.url

    async def open(self) -> StoreInfo:
        self._file.check_process()
        self._writer = self._writer or Writer(self._prepare)
        await asyncio.wrap_future(self._writer.open())
        return await self._read(sessions.info)

    async def promise(self) -> Promise:
        return sqlite_promise(await self._look(lambda connection: connection.facts()))

    async def check(
        self, job: JobName, moved: Moved | None = None, repair: Order | None = None
    ) -> list[Fault]:
        mends = repair is not None
        strays = await self._look(lambda connection: connection.misplaced(job, mends=mends))
        return strays + await super().check(job, moved, repair)

    async def check_fleet(self, repair: Order | None = None) -> list[Fault]:
        return await super().check_fleet(repair) + await self._look(Connection.damage)

    async def _look(self, look: Callable[[Connection], Answer]) -> Answer:
        return await asyncio.wrap_future(self._opened_writer().look(look))

    async def aclose(self) -> None:
        writer, self._writer = self._writer, None
        if writer:
            await asyncio.shield(asyncio.wrap_future(writer.close()))

    def renewer(self) -> Renewer:
        return _SqliteRenewer(self._connect)

    def another(self) -> Store:
        path, fleet, clock, lock_timeout_ms = self._made_with
        return SqliteStore(path, fleet=fleet, clock=clock, lock_timeout_ms=lock_timeout_ms)

    async def _step(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        return await self._ask(step, writes=True)

    async def _read(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        return await self._ask(step, writes=False)

    async def _ask(self, step: Callable[[Records], Answer], *, writes: bool) -> Answer:
        return await asyncio.wrap_future(self._opened_writer().ask(step, writes=writes))

    def _opened_writer(self) -> Writer:
        self._file.check_process()  # A fork has no writer thread: it would wait for ever.
        if self._writer is None:
            raise StoreRefusedError(f"the store {self.name} is not open: open it first")
        return self._writer

    def _prepare(self) -> Connection:
        self._file.prepare()
        return self._connect()

    def _connect(self) -> Connection:
        connection = Connection(self._file, self._clock, self._lock_timeout_ms)
        try:
            connection.set_up()
        except StoreError:
            connection.close()
            raise
        return connection


class _SqliteRenewer:
    """Connects when first used, in the thread that waits for it."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None

    def renew(self, session: SessionId) -> Renewal | None:
        self._connection = self._connection or self._connect()
        with self._connection.transaction(writes=True) as records:
            return sessions.renew(records, session)

    def close(self) -> None:
        if self._connection:
            self._connection.close()


def _path_of(path: Path, fleet: str) -> Path:
    if not _FLEET.fullmatch(fleet):
        raise ConfigurationError(
            f"the fleet's name {fleet!r} becomes part of a file's name: "
            "write it with letters, digits, - and _ only"
        )
    return path if fleet == "default" else path.with_name(f"{path.stem}.{fleet}{path.suffix}")
