"""The keeper of a run's process: it signals and reaps the group, and outlives nobody's interest.

It is forked off before anything of the user's is imported, so nothing that a handler does can
stop it: neither a lock that is never given back, nor all descriptors closed. When its instance is
gone, the other end of its socket is closed, and it kills the group.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from cronfleet.engine.isolated.system import adopt_orphans, die_with_parent

TELL = b"T"
"""Order: tell the group to end."""
KILL = b"K"

REST_S = 1.0
"""How long what a handler left behind may take to end when it is told to."""

_LOOK_S = 0.01


def part(life: socket.socket, channel: socket.socket) -> None:
    """Fork: returns in the worker, in a process group of its own; its parent is its keeper."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    adopt_orphans()
    keeper, worker = os.getpid(), os.fork()
    if worker:
        _keep(life, worker, channel)
    os.setpgid(0, 0)
    die_with_parent(signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)
    life.close()


def _keep(life: socket.socket, worker: int, channel: socket.socket) -> NoReturn:
    try:
        channel.close()
        with suppress(OSError):  # The worker does it too; whoever is first.
            os.setpgid(worker, worker)
        Keeper(life, worker).keep()
    finally:
        os._exit(0)


class Keeper:
    """Looks after one worker, and after what that leaves behind."""

    def __init__(self, life: socket.socket, worker: int) -> None:
        self._life = life
        self._worker = worker
        self._status: int | None = None
        self._is_killed = False
        self._selector = selectors.DefaultSelector()
        self._selector.register(life, selectors.EVENT_READ, self._obey)
        signals, writer = socket.socketpair()
        writer.setblocking(False)
        self._signals, self._writer = signals, writer
        self._selector.register(signals, selectors.EVENT_READ, self._hear_signals)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._hear)
        signal.signal(signal.SIGTERM, self._hear)
        die_with_parent(signal.SIGTERM)

    def keep(self) -> None:
        """Obey until the worker has ended; end what it left, and tell how it was."""
        self._report({"group": self._worker})
        self._reap()
        while self._status is None:
            self._listen(None)
            self._reap()
        left = self._end_the_rest()
        self._report({"status": self._status, "left": left})

    def _report(self, what: dict[str, int]) -> None:
        with suppress(OSError):  # Nobody listens any more.
            self._life.sendall(json.dumps(what).encode() + b"\n")

    def _listen(self, span_s: float | None) -> None:
        for key, _ in self._selector.select(span_s):
            key.data()

    def _obey(self) -> None:
        orders = self._life.recv(64)
        if not orders:  # Nobody is left who could give any.
            self._selector.unregister(self._life)
            self._kill()
        elif KILL in orders:
            self._kill()
        else:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)

    def _hear(self, number: int, _: FrameType | None) -> None:
        """A child has ended, which only must wake us; or our instance's thread has."""
        if number == signal.SIGTERM:
            self._kill()

    def _hear_signals(self) -> None:
        self._signals.recv(4_096)

    def _kill(self) -> None:
        self._is_killed = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> bool:
        """Answers whether there is anybody to hear it.

        The number of a group is not given to another while one of it lives or is not reaped.
        """
        try:
            os.killpg(self._worker, number)
        except PermissionError:
            return True  # Processes of another user's.
        except ProcessLookupError:
            return False
        return True

    def _reap(self) -> None:
        """The worker, and the orphans that came to us."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self._worker:
                    self._status = os.waitstatus_to_exitcode(status)

    def _end_the_rest(self) -> bool:
        """Answers whether the worker left processes of its group behind."""
        if not self._signal(0):
            return False
        if not self._is_killed:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)
            self._wait_for_the_rest()
        self._kill()
        self._wait_for_the_rest()
        return True

    def _wait_for_the_rest(self) -> None:
        until = time.monotonic() + REST_S
        was_killed = self._is_killed
        while self._signal(0) and time.monotonic() < until and self._is_killed == was_killed:
            self._listen(_LOOK_S)
            self._reap()
