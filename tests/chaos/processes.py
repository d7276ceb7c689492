"""Starts programs, ends and freezes them, and starts again what has ended; knows nothing of them.

A program is a command line, an environment and a log file. Whatever is done to its process, from
any thread, says whether it struck: a kill that finds nobody does not.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import DIE_WITH_PARENT

LOOK_S = 0.05
"""How often the supervisor looks for what has ended."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is started. Both its outputs are appended to its log."""

    command: Sequence[str | Path]
    log: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    """All of it: what is not in there the program does not have."""
    folder: Path | None = None
    """Where it works; here without one."""


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: by us if a signal of ours, sent before, asked it to."""

    pid: int
    status: int
    by_us: bool


class Process:
    """A program at work: one process after the other, the next one whenever one has ended.

    `program` may be replaced: the next process is of it.
    """

    def __init__(self, name: str, program: Program) -> None:
        self.name = name
        self.program = program
        self.starts = 0
        self.ends: list[End] = []
        self.starved: set[int] = set()
        """Those that were denied memory, by their pid: they may end as they like."""
        self._lock = threading.RLock()
        self._popen: subprocess.Popen[bytes] | None = None
        self._is_asked = False
        self._is_frozen = False

    @property
    def pid(self) -> int:
        """0 while there is none."""
        popen = self._popen
        return popen.pid if popen is not None and popen.returncode is None else 0

    def pids_since(self, ended: int) -> list[int]:
        """Of all that were at work since so many had ended, the one at work included."""
        with self._lock:
            ends = [end.pid for end in self.ends[ended:]]
            return [*ends, self.pid] if self.pid else ends

    @property
    def is_frozen(self) -> bool:
        return self._is_frozen

    @property
    def restarts(self) -> int:
        return max(0, self.starts - 1)

    def start(self) -> None:
        """Start its first process, or the next one; nothing if one is at work."""
        with self._lock:
            if self._is_alive():
                return
            self._is_asked = self._is_frozen = False
            self.starts += 1
            with self.program.log.open("ab") as log:
                self._popen = subprocess.Popen(
                    [*DIE_WITH_PARENT, *self.program.command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(self.program.environment),
                    cwd=self.program.folder,
                    start_new_session=True,  # A terminal's Ctrl-C is for us.
                )

    def kill(self) -> bool:
        """`kill -9`, waited for. It struck if that, and nothing before it, was the end."""
        with self._lock:
            if not self._send(signal.SIGKILL) or self._popen is None:
                return False
            self._is_asked = True
            self._popen.wait()
            return not self._is_alive() and self.ends[-1].status == -signal.SIGKILL

    def terminate(self) -> bool:
        """Ask it to end; it takes its time."""
        with self._lock:
            self.thaw()
            struck = self._send(signal.SIGTERM)
            self._is_asked |= struck
            return struck

    def freeze(self) -> bool:
        """Let it stand still, from now on, until it is thawed or killed."""
        with self._lock:
            if self._is_frozen or not self._send(signal.SIGSTOP) or self._popen is None:
                return False
            os.waitid(os.P_PID, self._popen.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            self._is_frozen = self._is_alive()
            return self._is_frozen

    def deny_memory(self) -> bool:
        """Let it have no more than it has, from now on until its end."""
        with self._lock:
            if not self._is_alive() or self._popen is None:
                return False
            pages = Path(f"/proc/{self._popen.pid}/statm").read_text().split()[0]
            size = int(pages) * resource.getpagesize()
            resource.prlimit(self._popen.pid, resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
            self.starved.add(self._popen.pid)
            return True

    def thaw(self) -> bool:
        with self._lock:
            if not self._is_frozen or not self._send(signal.SIGCONT):
                return False
            self._is_frozen = False
            return True

    def has_ended(self) -> bool:
        """Whether it had begun, and is no more."""
        with self._lock:
            return self.starts > 0 and not self._is_alive()

    def _send(self, number: signal.Signals) -> bool:
        if not self._is_alive() or self._popen is None:
            return False
        self._popen.send_signal(number)  # It cannot be another's: who ended is not reaped yet.
        return True

    def _is_alive(self) -> bool:
        """Takes down the end of one that has ended."""
        if self._popen is None:
            return False
        status = self._popen.poll()
        if status is None:
            return True
        self.ends.append(End(self._popen.pid, status, self._is_asked))
        self._popen, self._is_frozen = None, False
        return False


class Supervisor:
    """Starts again what has ended, after a short wait; ends all of it when its block ends."""

    def __init__(self, restart_after_s: float = 0.5) -> None:
        self._after_s = restart_after_s
        self._kept: dict[Process, float | None] = {}
        """Each with the moment of its next start, while it is ended."""
        self.processes: list[Process] = []
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._tending = threading.Thread(target=self._tend, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        # Processes die with the thread that starts them: this one lasts until the block's end.
        self._tending.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._over.set()
        self._tending.join()
        for process in self.processes:
            process.kill()

    def run(self, name: str, program: Program) -> Process:
        """Keep a program at work from now on."""
        process = Process(name, program)
        self.processes.append(process)
        self.keep(process)
        return process

    def keep(self, process: Process) -> None:
        """Keep it at work, again if it was let go."""
        with self._lock:
            self._kept[process] = time.monotonic()

    def let_go(self, process: Process) -> None:
        """Start it no more; one at work goes on."""
        with self._lock:
            self._kept.pop(process, None)

    def _tend(self) -> None:
        while not self._over.wait(LOOK_S):
            with self._lock:
                for process in list(self._kept):
                    self._look_at(process)

    def _look_at(self, process: Process) -> None:
        if process.starts and not process.has_ended():
            self._kept[process] = None
            return
        now = time.monotonic()
        starts_at = self._kept[process]
        if starts_at is None:
            self._kept[process] = now + self._after_s
        elif now >= starts_at:
            process.start()


def last_lines(log: Path, count: int = 20) -> str:
    """What a program said last, for people."""
    with log.open(encoding="utf-8", errors="replace") as file:
        return "".join(deque(file, maxlen=count))
