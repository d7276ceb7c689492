"""No connection is open, nor a transaction under way, while this process is forked.

SQLite's locks belong to the process, and so does what it remembers of them. A child that inherits
an open file would believe in locks that are its parent's, and could damage the file. So a fork
waits for the transactions under way, and all connections are closed for it; each is opened again
by whoever needs it next.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakSet


class Parked(Protocol):
    """A connection that can be opened again."""

    def park(self) -> None:
        """Close it for now. Nobody uses it."""
        ...


class ForkGate:
    """Keeps forks and transactions apart."""

    def __init__(self) -> None:
        self._connections: WeakSet[Parked] = WeakSet()
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._forking = 0

    def add(self, connection: Parked) -> None:
        """Close it before every fork from now on."""
        self._connections.add(connection)

    @contextmanager
    def no_fork(self) -> Generator[None]:
        """Let no fork begin within the block; one that has begun is waited for."""
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def before_fork(self) -> None:
        """Wait for what is under way, let nothing else begin, and close all that is open."""
        with self._changed:
            self._forking += 1
            self._changed.wait_for(lambda: not self._under_way)
        for connection in list(self._connections):
            connection.park()

    def after_fork_here(self) -> None:
        """In the parent: go on."""
        with self._changed:
            self._forking -= 1
            self._changed.notify_all()

    def after_fork_there(self) -> None:
        """In the child: the other threads are not there, nor what they waited for."""
        self._begin()


GATE = ForkGate()

os.register_at_fork(
    before=GATE.before_fork,
    after_in_parent=GATE.after_fork_here,
    after_in_child=GATE.after_fork_there,
)
