"""Damage done to a store behind its back, each store in its own way."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias, cast

import psycopg
from redis import Redis

from cronfleet.clock import Clock
from cronfleet.model import Fire, JobName, RunId, RunState, SessionId
from cronfleet.store import Store
from cronfleet.stores.memory import MemoryStore
from cronfleet.stores.postgres import PostgresStore
from cronfleet.stores.redis import RedisStore
from cronfleet.stores.sqlite import SqliteStore
from cronfleet.stores.steps.rows import tally_from
from tests.postgres_servers import Postgres

Value: TypeAlias = str | int | None


class Planted(Protocol):
    """A store, and how to change what it has on record. Values are named as in SQLite's tables."""

    store: Store

    def job(self, name: JobName, **values: Value) -> None: ...
    def run(self, run: RunId, **values: Value) -> None: ...
    def session(self, session: SessionId, expires_at: int) -> None: ...
    def forget_definition(self, digest: str) -> None: ...


class InMemory:
    def __init__(self, clock: Clock) -> None:
        self.memory = MemoryStore(clock)
        self.store: Store = self.memory
        self._records = self.memory._records

    def job(self, name: JobName, **values: Any) -> None:
        job = self._records._jobs[name]
        if "expected_fire_time" in values:
            values["expected"] = Fire(values.pop("expected_fire_time"), values.pop("expected_due"))
        self._records.put_job(replace(job, **values))

    def run(self, run: RunId, **values: Any) -> None:
        if "state" in values:
            values["state"] = RunState(values["state"])
        if "tally" in values:
            values["tally"] = tally_from(values["tally"])
        self._records.put_run(replace(self._records._runs[run], **values))

    def session(self, session: SessionId, expires_at: int) -> None:
        found = self._records._sessions[session]
        self._records.put_session(replace(found, expires_at=expires_at))

    def forget_definition(self, digest: str) -> None:
        del self._records._definitions[digest]


class InSqlite:
    def __init__(self, clock: Clock, file: Path) -> None:
        self.store: Store = SqliteStore(file, clock=clock)
        self.file = file

    def job(self, name: JobName, **values: Value) -> None:
        self._update("job", "name", name, values)

    def run(self, run: RunId, **values: Value) -> None:
        self._update("run", "id", str(run), values)

    def session(self, session: SessionId, expires_at: int) -> None:
        self._update("session", "id", session, {"expires_at": expires_at})

    def forget_definition(self, digest: str) -> None:
        self.do("DELETE FROM definition WHERE digest = ?", digest)

    def do(self, statement: str, *values: Value) -> None:
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute(statement, values)
            connection.commit()

    def _update(self, table: str, key: str, name: str, values: Mapping[str, Value]) -> None:
        changes = ", ".join(f"{column} = ?" for column in values)
        self.do(f"UPDATE {table} SET {changes} WHERE {key} = ?", *values.values(), name)


class InPostgres:
    def __init__(self, clock: Clock, server: Postgres, fleet: str) -> None:
        self.store: Store = PostgresStore(server.url, fleet=fleet, clock=clock)
        self._url = server.url
        self._schema = f'"cronfleet_{fleet}"'

    def job(self, name: JobName, **values: Value) -> None:
        self._update("job", "name", name, values)

    def run(self, run: RunId, **values: Value) -> None:
        self._update("run", "id", str(run), values)

    def session(self, session: SessionId, expires_at: int) -> None:
        self._update("session", "id", session, {"expires_at": expires_at})

    def forget_definition(self, digest: str) -> None:
        self._do(f"DELETE FROM {self._schema}.definition WHERE digest = %s", digest)

    def _update(self, table: str, key: str, name: str, values: Mapping[str, Value]) -> None:
        changes = ", ".join(f"{column} = %s" for column in values)
        statement = f"UPDATE {self._schema}.{table} SET {changes} WHERE {key} = %s"
        self._do(statement, *values.values(), name)

    def _do(self, statement: str, *values: Value) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(cast("Any", statement), values)


class InRedis:
    _SHORT: ClassVar = {
        "watermark": "w",
        "active": "a",
        "expected_fire_time": "f",
        "expected_due": "u",
        "session": "h",
        "ended_at": "e",
        "token": "t",
        "state": "s",
        "tally": "j",
    }

    def __init__(self, clock: Clock, url: str, fleet: str) -> None:
        self.store: Store = RedisStore(url, fleet=fleet, clock=clock)
        self.redis: Any = Redis.from_url(url, decode_responses=True)  # pyright: ignore[reportUnknownMemberType] - **kwargs
        self.base = f"cronfleet:{{{fleet}}}:"

    def job(self, name: JobName, **values: Value) -> None:
        due = values.get("expected_due")
        if due is not None and due == values.get("expected_fire_time"):
            values["expected_due"] = None  # It is not stored twice.
        self._set(f"job:{name}", values)
        if due is not None:
            program = self.redis.hget(f"{self.base}job:{name}", "p")
            self.redis.zadd(f"{self.base}due:{program}", {name: due})

    def run(self, run: RunId, **values: Value) -> None:
        self._set(f"run:{run}", values)

    def session(self, session: SessionId, expires_at: int) -> None:
        self.redis.hset(f"{self.base}session:{session}", "expires", expires_at)

    def forget_definition(self, digest: str) -> None:
        self.redis.hdel(f"{self.base}definitions:{digest[:2]}", digest[2:])

    def _set(self, key: str, values: Mapping[str, Value]) -> None:
        for name, value in values.items():
            if value is None:
                self.redis.hdel(self.base + key, self._SHORT[name])
            else:
                self.redis.hset(self.base + key, self._SHORT[name], value)
