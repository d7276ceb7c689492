"""What both kinds of connection share: how they are made, watched over, and cut."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import Diagnostic
from psycopg.generators import send

from cronfleet.errors import StoreError, StoreUnavailableError
from cronfleet.stores.postgres.queries import Batch, Rows
from cronfleet.stores.postgres.server import in_our_words, is_lost, is_undone
from cronfleet.stores.postgres.texts import said

AnyConnection: TypeAlias = "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]"
Pipeline = TypeVar("Pipeline", psycopg.Pipeline, psycopg.AsyncPipeline)

# No session state: behind a pooler every transaction may have another connection.
OPTIONS: dict[str, Any] = {"autocommit": True, "prepare_threshold": None}

LOCK_SHARE, STATEMENT_SHARE, CANCEL_SHARE = 0.7, 0.75, 0.8
"""When a call's time is so far over, the server gives up waiting for a lock, then the statement;
then it is asked to cancel; at the end the connection is cut."""

BRIEF_LOCK_SHARE = 0.15
"""The first of these for who has others waiting, and will come again."""


class Undone(Exception):  # noqa: N818 - no error: it is tried again
    """Certainly nothing was done, and another try may do it."""

    def __init__(self, error: psycopg.Error) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_lost: bool = is_lost(error)


class Watched:
    """What is known of a connection that is in use."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._warnings: list[str] = []
        self._ends = False
        self.is_cut = False
        """Its time was over."""

    def notice(self, diagnostic: Diagnostic) -> None:
        """A handler for the driver."""
        if diagnostic.severity_nonlocalized == "WARNING":
            self._warnings.append(diagnostic.message_primary or "a warning")

    def sends(self, batch: Batch) -> None:
        self._ends = batch.ends
        self._warnings.clear()

    def has_ended(self, status: str | None) -> None:
        """The answer to COMMIT has come.

        Raises StoreUnavailableError unless it says, without a warning, that it is done: one is
        given when the wait for a standby was cancelled, and then a failover may undo it.
        """
        if status != "COMMIT" or self._warnings:
            what = "; ".join(self._warnings) or f"COMMIT was answered with {status}"
            raise StoreUnavailableError(self._name, f"whether it will last is not known: {what}")

    def judged(self, error: psycopg.Error) -> Undone | StoreError:
        """What an error in the middle of a call means."""
        if self.is_cut:
            return StoreUnavailableError(self._name, "the time for it was over")
        if is_undone(error) or (is_lost(error) and not self._ends):
            return Undone(error)
        return in_our_words(self._name, error)


def pipelined(connection: AnyConnection, pipeline: Pipeline) -> Pipeline:
    """The pipeline for as long as its connection is open, to be entered and never left.

    Not `connection.pipeline()`: when that is left the driver sends a Flush behind the last Sync. If
    it comes by itself, PgBouncer (1.18 at least) takes it for the beginning of a transaction, and
    keeps one of the server's connections for us alone until we ask for something: a few idle
    instances, and it has none left for anybody.
    """
    connection._pipeline = pipeline  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]  # noqa: SLF001
    return pipeline


def all_sent(connection: AnyConnection) -> PQGen[None]:
    """For `connection.wait`, before each Sync.

    Else the driver goes on to read with a part of a large batch unsent, which the server waits for.
    """
    return send(connection.pgconn)


def as_given(found: Sequence[dict[str, Any]]) -> Rows:
    """Rows with their texts as they were given. They are changed in place, and that seldom."""
    for row in found:
        for name, value in row.items():
            if isinstance(value, str) and not value.isascii():
                row[name] = said(value)
    return found


def cut(connection: AnyConnection) -> None:
    """End all waiting for the server, from another thread too. Nothing is sent."""
    with (
        suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as link,
    ):
        link.shutdown(socket.SHUT_RDWR)
