"""What a connection to PostgreSQL sends, and in what order: all of it, and nothing behind it."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cronfleet.stores.postgres import PostgresStore
from cronfleet.testing.samples import PROGRAM, joined, report
from tests.postgres_servers import Postgres
from tests.stores.postgres_proxy import CommitProxy
from tests.stores.postgres_rig import opener

pytestmark = pytest.mark.postgres


async def test_a_batch_that_fills_all_buffers_is_sent_to_its_end(postgres_server: Postgres) -> None:
    """The proxy shares our event loop: it reads only while we wait."""
    async with CommitProxy(postgres_server) as proxy, opener() as opened:
        store = await opened(proxy.url, call_timeout=10)
        anna = await joined(store, "anna", report())
        sends_little_at_once(store)
        jobs = [replace(report(f"job-{n}"), digest=f"{n}", json="x" * 50_000) for n in range(40)]
        await store.sync_jobs(anna, PROGRAM, jobs)
        assert len(await store.jobs()) == 41


def sends_little_at_once(store: PostgresStore) -> None:
    assert store._pool is not None
    for link in store._pool._idle:
        with socket.socket(fileno=os.dup(link._connection.fileno())) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)


async def test_nothing_is_sent_behind_a_sync_for_a_pooler_would_begin_a_transaction_for_it(
    postgres_server: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as files:
        for kind in (psycopg.Connection, psycopg.AsyncConnection):
            monkeypatch.setattr(kind, "add_notice_handler", traced(tmp_path, files))
        async with opener() as opened:
            store = await opened(postgres_server.url)
            anna = await joined(store, "anna", report())
            renewer = store.renewer()
            assert renewer.renew(anna)
            renewer.close()
    connections = said_by_us(tmp_path)
    assert len(connections) >= 2
    assert all(said[-2:] == ["Sync", "Terminate"] for said in connections)
    assert not any("Flush" in said for said in connections)


def traced(folder: Path, files: ExitStack) -> Callable[[Any, Any], None]:
    """Have the driver write down what a connection says and hears, when we begin to use it."""

    def trace(connection: Any, _handler: Any) -> None:
        file = files.enter_context((folder / secrets.token_hex(8)).open("wb"))
        connection.pgconn.trace(file.fileno())

    return trace


def said_by_us(folder: Path) -> list[list[str]]:
    """The kinds of messages of each connection, in their order."""
    line = re.compile(r"^[\d-]+ [\d:.]+\tF\t\d+\t(\w+)", re.MULTILINE)
    return [line.findall(file.read_text("utf-8")) for file in folder.iterdir()]
