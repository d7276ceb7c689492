"""The process of a run, as its instance has it: a channel, a keeper that takes orders, a pipe."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cronfleet.engine.isolated.keeper import KILL, TELL
from cronfleet.engine.isolated.output import Output
from cronfleet.engine.isolated.wire import Lines, Message, encode

BOOT = Path(__file__).with_name("boot.py")

_AT_ONCE = 64 * 1024
_MOST_AT_THE_END = 1024 * 1024
"""How much of what is left in a pipe is read: a process that got away may print for ever."""

_SAYING_S = 5.0
"""How long a process may take to hear what does not fit into the socket at once."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended."""

    status: int | None
    """Below zero the signal that killed it; None when nobody could tell."""
    left: bool = False
    """Whether it left others of its group behind, which were ended then."""


class Spawned:
    """A process, its keeper, and the descriptors to both; all are gone when it is closed."""

    def __init__(self, setup: Message, label: str) -> None:
        """Raises OSError when none can be started."""
        self.output: Output = Output()
        self.exit: Exit | None = None
        self._group: int | None = None
        self._messages = Lines()
        self._reports = Lines()
        self._selector = selectors.DefaultSelector()
        with ExitStack() as undo:
            undo.callback(self._selector.close)
            self._channel, channel = _pair(undo)
            self._life, life = _pair(undo)
            self._out, out = os.pipe()
            os.set_blocking(self._out, False)
            undo.callback(os.close, self._out)
            try:
                self._keeper = _start(label, channel, life, out)
            finally:
                channel.close()
                life.close()
                os.close(out)
            self._closing = undo.pop_all()
        self._selector.register(self._channel, selectors.EVENT_READ, self._read_channel)
        self._selector.register(self._life, selectors.EVENT_READ, self._read_life)
        self._selector.register(self._out, selectors.EVENT_READ, self._read_output)
        self.say(setup)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        # With its socket closed the keeper kills what still lives, and ends.
        self._closing.close()
        self._keeper.wait()

    def listen(self, span_s: float) -> Iterator[Message]:
        """What it says within the span, or a part of that. Sets `exit` when it has ended."""
        for key, _ in self._selector.select(span_s):
            yield from key.data()
        if self.exit is None and self._keeper.poll() is not None:
            yield from self._read_life()  # It may have told before it went.
            if self.exit is None:
                self._end_without_keeper()
        if self.exit is not None:
            yield from self._read_the_rest()

    def say(self, message: Message) -> None:
        """Tell the worker. What it does not hear it does not need."""
        with suppress(OSError):
            self._channel.settimeout(_SAYING_S)
            self._channel.sendall(encode(message))
        self._channel.setblocking(False)

    def tell_to_end(self) -> None:
        """Have its group be sent SIGTERM."""
        self._order(TELL)

    def kill(self) -> None:
        """Have its group be sent SIGKILL."""
        self._order(KILL)

    def kill_keeper(self) -> None:
        """It does not obey: somebody has stopped it."""
        self._keeper.kill()

    def _order(self, order: bytes) -> None:
        with suppress(OSError):
            self._life.send(order)

    # --- what is ready to be read

    def _read_channel(self) -> Iterator[Message]:
        data = self._received(self._channel)
        if data == b"":
            self._forget(self._channel)
        elif data:
            yield from self._messages.take(data)

    def _read_life(self) -> Iterator[Message]:
        data = self._received(self._life)
        if data == b"":
            self._forget(self._life)
        for report in self._reports.take(data or b""):
            if "group" in report:
                self._group = report["group"]
            else:
                self.exit = Exit(report["status"], report["left"])
        return iter(())

    def _end_without_keeper(self) -> None:
        """Somebody killed the keeper: what it kept must not go on without one."""
        if self._group is not None:
            with suppress(OSError):
                os.killpg(self._group, signal.SIGKILL)
        self.exit = Exit(None)

    def _read_output(self) -> Iterator[Message]:
        if not self._take_output():
            self._forget(self._out)
        return iter(())

    def _take_output(self) -> int:
        try:
            data = os.read(self._out, _AT_ONCE)
        except BlockingIOError:
            return -1
        self.output.take(data)
        return len(data)

    def _forget(self, end: socket.socket | int) -> None:
        with suppress(KeyError):  # It was asked for once more at the end.
            self._selector.unregister(end)

    def _received(self, end: socket.socket) -> bytes | None:
        """None: nothing yet; empty: nothing any more."""
        try:
            return end.recv(_AT_ONCE)
        except BlockingIOError:
            return None
        except ConnectionError:
            return b""

    def _read_the_rest(self) -> Iterator[Message]:
        left = _MOST_AT_THE_END
        while left > 0 and (count := self._take_output()) > 0:
            left -= count
        while data := self._received(self._channel):
            yield from self._messages.take(data)


def _pair(undo: ExitStack) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair()
    undo.callback(ours.close)
    ours.setblocking(False)
    return ours, theirs


def _start(
    label: str, channel: socket.socket, life: socket.socket, out: int
) -> subprocess.Popen[bytes]:
    from multiprocessing.spawn import get_executable  # It knows what an embedding program said.

    numbers = [channel.fileno(), life.fileno()]
    # A session of its own: what a terminal sends to the instance's group is not for it.
    return subprocess.Popen(  # noqa: S603 - our own interpreter and our own script
        [os.fsdecode(get_executable()), *_flags(), str(BOOT), *map(str, numbers), label],
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        pass_fds=numbers,
        start_new_session=True,
    )


def _flags() -> Iterator[str]:
    """What changes how this interpreter understands a program, for the other too."""
    yield "-P"  # Its path is handed over: nothing beside the script may hide a module.
    yield from ["-O"] * sys.flags.optimize
    yield from (f"-W{option}" for option in sys.warnoptions)
    if sys.flags.dev_mode:
        yield from ("-X", "dev")


def surroundings() -> Mapping[str, Any]:
    """Where this process finds its modules, and what it was started with."""
    return {"path": [path or os.getcwd() for path in sys.path], "argv": sys.argv}  # noqa: PTH109 - as sys.path understands it
