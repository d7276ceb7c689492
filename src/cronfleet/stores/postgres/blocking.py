"""One blocking connection, for the thread that renews."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg.rows import dict_row

from cronfleet.forks import stays_with_the_parent
from cronfleet.stores.postgres.address import Address
from cronfleet.stores.postgres.links import (
    CANCEL_SHARE,
    OPTIONS,
    Undone,
    Watched,
    all_sent,
    as_given,
    cut,
    pipelined,
)
from cronfleet.stores.postgres.queries import Batch, Conversation, Rows
from cronfleet.stores.postgres.server import in_our_words

Answer = TypeVar("Answer")
_Connection: TypeAlias = "psycopg.Connection[dict[str, Any]]"


class BlockingLink:
    """Connects when it is needed. After an error the next call connects anew."""

    def __init__(self, address: Address, statements: dict[str, bytes]) -> None:
        self._address = address
        self._statements = statements
        self._watched = Watched(address.name)
        self._connection: _Connection | None = None

    def take(self, conversation: Conversation[Answer]) -> Answer:
        """Have a conversation, once. Raises a StoreError."""
        with self._in_use() as connection:
            rows: list[Rows] | None = None
            while True:
                try:
                    batch = conversation.send(rows) if rows is not None else next(conversation)
                except StopIteration as ended:
                    return ended.value
                rows = self._exchange(connection, batch)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _in_use(self) -> Generator[_Connection]:
        connection = self._connection = self._connection or self._connect()
        bell = _Bell(connection, self._watched, self._address.timeout_s)
        is_sound = False
        try:
            yield connection
            is_sound = True
        except psycopg.Error as error:
            judged = self._watched.judged(error)
            if isinstance(judged, Undone):  # Whoever renews tries again by itself.
                judged = in_our_words(self._address.name, error)
            raise judged from error
        finally:
            if bell.stop() or not is_sound:
                self.close()

    def _connect(self) -> _Connection:
        self._watched = Watched(self._address.name)
        try:
            connection = psycopg.Connection[dict[str, Any]].connect(
                **self._address.parameters(), **OPTIONS, row_factory=dict_row
            )
            self._pipeline = pipelined(connection, psycopg.Pipeline(connection)).__enter__()
        except psycopg.Error as error:
            raise in_our_words(self._address.name, error) from error
        stays_with_the_parent(connection)
        connection.add_notice_handler(self._watched.notice)
        return connection

    def _exchange(self, connection: _Connection, batch: Batch) -> list[Rows]:
        """One round trip."""
        self._watched.sends(batch)
        cursors: list[psycopg.Cursor[dict[str, Any]]] = []
        for query in batch.queries:
            text = self._statements[query.statement]
            cursors.append(connection.execute(text, query.arguments))
        connection.wait(all_sent(connection))
        self._pipeline.sync()
        if batch.ends:
            self._watched.has_ended(cursors[-1].statusmessage)
        return [as_given(cursor.fetchall()) if cursor.description else [] for cursor in cursors]


class _Bell:
    """Rings when a call's time is nearly over: cancels it, and then cuts its connection."""

    def __init__(self, connection: _Connection, watched: Watched, timeout_s: float) -> None:
        self._connection = connection
        self._watched = watched
        self._grace_s = timeout_s * (1 - CANCEL_SHARE)
        self._is_over = threading.Event()
        self._has_rung = False
        self._timer = threading.Timer(timeout_s * CANCEL_SHARE, self._ring)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> bool:
        """The call has ended. Answers whether it rang: then the connection is not to be used."""
        self._is_over.set()
        self._timer.cancel()
        self._timer.join()
        return self._has_rung

    def _ring(self) -> None:
        self._has_rung = True
        ends_at = time.monotonic() + self._grace_s
        with suppress(psycopg.Error, OSError):
            self._connection.cancel_safe(timeout=self._grace_s)
        if not self._is_over.wait(max(0.0, ends_at - time.monotonic())):
            self._watched.is_cut = True
            cut(self._connection)
