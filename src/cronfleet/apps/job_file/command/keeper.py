"""A process between an instance and the command that it starts. Run as a script, never imported.

It starts the command in a process group of its own, and stays until all of the command's
processes are gone, those that left the group included: when the command's time is up, when the
instance says so, and when the instance is gone, killed for example. So what an instance began
never outlives it by more than the grace.

The request is a line of JSON on standard input; the end of that input means: end the command.
What the command says, up to `head_bytes`, comes out on standard error as it is said, and a report
on standard output, a line of JSON, at the very end. The standard library alone, and as little of
it as will do: this starts with every run.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform == "linux"
_AGAIN_S = 0.05
"""Between two rounds of killing, for what is started in between."""

_IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""The instance decides when a command is to end, and its own end is heard of."""

_C = ctypes.CDLL(None)


class _Process(NamedTuple):
    pid: int
    parent: int
    group: int
    is_dead: bool


class Keeper:
    """One command, from its start to the end of its last process."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._output, self._written = os.pipe()
        self._woken = _wake_on_child()
        self._control: int | None = 0
        self._leader = 0
        self._status: int | None = None
        self._kill_at: float | None = None
        self._left_behind = 0
        self._said = 0
        self._tail = b""

    def keep(self) -> dict[str, Any]:
        """Start the command, wait for its end, and report."""
        trouble = self._start()
        if trouble:
            return {"trouble": trouble}
        while not self._reaped_all():
            self._wait()
        while self._hear():
            pass
        return {
            "status": self._status,
            "left_behind": self._left_behind,
            "said": self._said,
            "tail": self._tail.decode("utf-8", "replace"),
        }

    # --- starting

    def _start(self) -> str:
        """Why it could not be started; empty if it was."""
        failure, told = os.pipe()
        stdin = _file_with(self._request["stdin"].encode("utf-8", "surrogateescape"))
        parent = os.getpid()
        self._leader = os.fork()
        if self._leader == 0:
            self._become(stdin, told, parent)
        with contextlib.suppress(OSError):  # The child does it too; who comes first is open.
            os.setpgid(self._leader, self._leader)
        for fd in (self._written, told, stdin):
            os.close(fd)
        os.set_blocking(self._output, False)
        return os.read(failure, 4096).decode("utf-8", "replace")

    def _become(self, stdin: int, told: int, parent: int) -> None:
        """In the child: become the command, or tell why not."""
        try:
            os.setpgid(0, 0)
            _die_with(parent)
            for number in _ignored():
                signal.signal(number, signal.SIG_DFL)
            os.dup2(stdin, 0)
            os.dup2(self._written, 1)
            os.dup2(self._written, 2)
            self._exec()
        except OSError as error:
            os.write(told, self._trouble(error).encode("utf-8", "replace"))
        except MemoryError:
            os.write(told, b"its memory limit is too low to start it")
        finally:
            os._exit(127)

    def _exec(self) -> None:
        request = self._request
        if request["directory"] is not None:
            os.chdir(request["directory"])
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # A core holds what was secret.
        if request["memory_bytes"] is not None:
            resource.setrlimit(resource.RLIMIT_AS, (request["memory_bytes"],) * 2)
        os.execvpe(request["argv"][0], request["argv"], request["environment"])  # noqa: S606

    def _trouble(self, error: OSError) -> str:
        program = self._request["argv"][0]
        path = os.fsdecode(error.filename or program)
        if path != program and "/" not in program and path.endswith(f"/{program}"):
            path = f"{program} in {self._request['environment'].get('PATH', os.defpath)}"
        elif error.errno == errno.ENOENT and os.access(path, os.F_OK):
            path = f"what the first line of {path} names"
        return f"{path}: {error.strerror}"

    # --- waiting

    def _wait(self) -> None:
        """Sleep until something happens, and see to it."""
        watched = [fd for fd in (self._control, self._output, self._woken) if fd is not None]
        ready, _, _ = select.select(watched, [], [], self._rest_s())
        if self._woken in ready:
            os.read(self._woken, 4096)
        if self._output in ready:
            self._hear()
        if self._control in ready and not os.read(0, 4096):
            self._control = None
            self._end()
        if self._kill_at is not None and time.monotonic() >= self._kill_at:
            self._kill_at = time.monotonic() + _AGAIN_S
            self._signal(signal.SIGKILL)

    def _rest_s(self) -> float | None:
        return None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic())

    def _hear(self) -> bool:
        """Read what was said: the head is passed on, of the rest the tail is kept.

        No more than a chunk at once, since some never stop to speak. False if there was nothing.
        """
        chunk = _read(self._output)
        room = max(0, self._request["head_bytes"] - self._said)
        self._said += len(chunk)
        self._pass_on(chunk[:room])
        self._tail = (self._tail + chunk[room:])[-self._request["tail_bytes"] :]
        return bool(chunk)

    def _pass_on(self, head: bytes) -> None:
        try:
            while head:
                head = head[os.write(2, head) :]
        except OSError:  # The instance is gone.
            self._end()

    def _reaped_all(self) -> bool:
        """Whether no process is left. When the command's first one ends, the others are to end."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self._leader:
                self._status = os.waitstatus_to_exitcode(status)
                self._left_behind = sum(not each.is_dead for each in _descendants())
                self._end()

    # --- ending

    def _end(self) -> None:
        """Ask all to end; those that have not done so within the grace are killed."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + self._request["grace_s"]
            self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        """To whole groups: a group is signalled in one step, however fast it multiplies."""
        own = os.getpgrp()
        descendants = [each for each in _descendants() if not each.is_dead]
        groups = {each.group for each in descendants} - {own}
        if not _IS_LINUX or self._status is None:
            groups.add(self._leader)
        for group in groups:
            with contextlib.suppress(OSError):
                os.killpg(group, number)
        for stray in (each for each in descendants if each.group == own):
            with contextlib.suppress(OSError):
                os.kill(stray.pid, number)


_CHUNK = 65536


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, _CHUNK)
    except BlockingIOError:
        return b""


def _file_with(content: bytes) -> int:
    """A file in memory, so that what is secret never reaches a disk."""
    if not content:
        return os.open(os.devnull, os.O_RDONLY)
    if not _IS_LINUX:
        import tempfile

        with tempfile.TemporaryFile() as file:
            file.write(content)
            file.flush()
            file.seek(0)
            return os.dup(file.fileno())
    fd = os.memfd_create("stdin")
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _wake_on_child() -> int:
    """What becomes readable whenever a child has ended."""
    woken, waker = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, _take_note)
    return woken


def _ignored() -> list[int]:
    """Signals that the command would ignore, too: ours, Python's, and a shell's for `&`."""
    return [each for each in signal.valid_signals() if signal.getsignal(each) is signal.SIG_IGN]


def _take_note(number: int, frame: object) -> None:
    """A signal is heard of only if something hears it."""


def _die_with(parent: int) -> None:
    """Let the kernel end this process when its parent is gone, were it by SIGKILL."""
    if _IS_LINUX:
        _C.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(127)


def _descendants() -> list[_Process]:
    """All that the command has started, and what they have; none where that cannot be told."""
    if not _IS_LINUX:
        return []
    by_parent: dict[int, list[_Process]] = {}
    for process in _processes():
        by_parent.setdefault(process.parent, []).append(process)
    found: list[_Process] = []
    look = [os.getpid()]
    while look:
        children = by_parent.pop(look.pop(), [])
        found += children
        look += [child.pid for child in children]
    return found


def _processes() -> Iterator[_Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would take longer than all the rest
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                # The name in parentheses may have anything in it.
                state, parent, group = file.read().rpartition(b")")[2].split()[:3]
                yield _Process(int(name), int(parent), int(group), state in (b"Z", b"X"))


def main() -> None:
    """Keep the command that is asked for on standard input."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    if _IS_LINUX:
        _C.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    request = b""
    while not request.endswith(b"\n"):
        chunk = os.read(0, _CHUNK)
        if not chunk:
            return  # The instance was gone before it had asked.
        request += chunk
    report = Keeper(json.loads(request)).keep()
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(report).encode() + b"\n")


if __name__ == "__main__":
    main()
