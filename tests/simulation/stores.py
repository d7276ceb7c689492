"""The stores under the simulator: the production ones, each of whose steps is watched."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from cronfleet.clock import Clock
from cronfleet.model import Digest, GapRecord, JobRecord, RunId, RunRecord, SessionId
from cronfleet.store import StoreInfo
from cronfleet.stores.memory import MemoryStore
from cronfleet.stores.sqlite.connection import Connection
from cronfleet.stores.sqlite.records import SqliteRecords
from cronfleet.stores.sqlite.store import SqliteStore
from cronfleet.stores.sqlite.writer import Writer
from cronfleet.stores.steps import sessions
from cronfleet.stores.steps.needs import NOTHING, Needs
from cronfleet.stores.steps.records import FleetRecord, LogTable, Records, SessionRecord

Answer = TypeVar("Answer")


class Watcher(Protocol):
    """Is shown each row that a step writes, and told when the step has ended well."""

    def begin(self, now: int) -> None: ...
    def wrote(
        self, row: RunRecord | JobRecord | GapRecord | SessionRecord | FleetRecord
    ) -> None: ...
    def dropped(self, what: SessionId | RunId) -> None: ...
    def defined(self, digest: Digest, text: str) -> None: ...
    def end(self, records: Records) -> None: ...


class WatchedRecords:
    """A store's tables, as the steps get them."""

    def __init__(self, records: Records, watcher: Watcher) -> None:
        self._records = records
        self._watcher = watcher
        for name in dir(type(records)):
            if not name.startswith("_") and not hasattr(type(self), name):
                setattr(self, name, getattr(records, name))

    @property
    def now(self) -> int:
        return self._records.now

    @property
    def logs(self) -> LogTable:
        return self._records.logs

    def put_run(self, run: RunRecord) -> None:
        self._records.put_run(run)
        self._watcher.wrote(run)

    def put_job(self, job: JobRecord) -> None:
        self._records.put_job(job)
        self._watcher.wrote(job)

    def put_gap(self, gap: GapRecord) -> None:
        self._records.put_gap(gap)
        self._watcher.wrote(gap)

    def put_session(self, session: SessionRecord) -> None:
        self._records.put_session(session)
        self._watcher.wrote(session)

    def put_fleet(self, fleet: FleetRecord) -> None:
        self._records.put_fleet(fleet)
        self._watcher.wrote(fleet)

    def put_definition(self, digest: Digest, json: str) -> None:
        self._records.put_definition(digest, json)
        self._watcher.defined(digest, json)

    def drop_session(self, session: SessionId) -> None:
        self._records.drop_session(session)
        self._watcher.dropped(session)

    def drop_run(self, run: RunId) -> None:
        self._records.drop_run(run)
        self._watcher.dropped(run)


class WatchedMemory(MemoryStore):
    """The store in memory: one for all instances."""

    def __init__(self, clock: Clock, watcher: Watcher) -> None:
        super().__init__(clock)
        self._watcher = watcher
        self._watched = cast("Records", WatchedRecords(self._records, watcher))

    def lose_all(self, clock: Clock) -> None:
        """As after a restart with nothing on disk: it is another store now."""
        self._records = MemoryStore(clock)._records
        self._watched = cast("Records", WatchedRecords(self._records, self._watcher))

    def step(self, step: Callable[[Records], Answer]) -> Answer:
        self._records.read_clock()
        self._watcher.begin(self._records.now)
        answer = step(self._watched)
        self._watcher.end(self._watched)
        return answer


class _WatchedConnection(Connection):
    watcher: Watcher
    _watched: Records | None = None

    @contextmanager
    def transaction(self, *, writes: bool) -> Generator[SqliteRecords]:
        with super().transaction(writes=writes) as records:
            self.watcher.begin(records.now)
            if self._watched is None:
                self._watched = cast("Records", WatchedRecords(records, self.watcher))
            yield cast("SqliteRecords", self._watched)
            self.watcher.end(self._watched)


class WatchedSqlite(SqliteStore):
    """The production store on a file: one for each instance, without a thread of its own."""

    def __init__(self, path: Path, clock: Clock, watcher: Watcher) -> None:
        super().__init__(path, clock=clock)
        self._watcher = watcher
        self._writer = Writer(self._prepare, cast("Executor", _AtOnce()))

    async def open(self) -> StoreInfo:
        self._file.check_process()
        self._opened_writer().open().result()
        return await self._read(sessions.info)

    async def _look(self, look: Callable[[Connection], Answer]) -> Answer:
        return self._opened_writer().look(look).result()

    async def _step(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        return self._opened_writer().ask(step, writes=True).result()

    async def _read(self, step: Callable[[Records], Answer], needed: Needs = NOTHING) -> Answer:
        return self._opened_writer().ask(step, writes=False).result()

    async def aclose(self) -> None:
        """Only when all is over: what was sent may arrive when its instance has gone."""

    def close_file(self) -> None:
        if self._writer:
            self._writer.close()

    def _connect(self) -> Connection:
        connection = _WatchedConnection(self._file, self._clock, self._lock_timeout_ms)
        connection.watcher = self._watcher
        connection.set_up()
        connection._sqlite.execute("PRAGMA synchronous = OFF")
        return connection


class _AtOnce:
    """An executor that has done what it is given before it answers."""

    def submit(self, call: Callable[[], Answer]) -> Future[Answer]:
        done: Future[Answer] = Future()
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - as an executor does
            done.set_exception(error)
        return done

    def shutdown(self, wait: bool = True) -> None: ...


def run_now(work: Coroutine[Any, Any, Answer]) -> Answer:
    """The answer of a store that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the store waited")
