"""Starts real instances, reads what they do from one pipe, and kills what is left."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Effect:
    """What an instance said that it did, and when the rig read it."""

    what: str
    job: str
    fire_time: int
    attempt: int
    token: int
    pid: int
    read_at: float

    @property
    def late_s(self) -> float:
        return self.read_at - self.fire_time / 1000


class Fleet:
    """Instances on one store."""

    def __init__(self, store: str, ttl_ms: int, *jobs: str) -> None:
        self._store = (store, str(ttl_ms))
        self._jobs = jobs
        self._reader, self._writer = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._rest = b""
        self._unread: list[Effect] = []
        self.effects: list[Effect] = []
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for pid in list(self.processes):
            self.end(pid, signal.SIGKILL)
        self._selector.close()
        os.close(self._reader)
        os.close(self._writer)

    def start(
        self, count: int = 1, off_ms: int = 0, jobs: Sequence[str] = (), within_s: float = 20
    ) -> list[int]:
        """Start instances whose wall clocks are off, and wait until each has joined.

        They have the fleet's jobs, or others.
        """
        pids: list[int] = []
        for _ in range(count):
            words = [str(self._writer), *self._store, str(off_ms), *(jobs or self._jobs)]
            command = [sys.executable, str(WORKER), *words]
            process = subprocess.Popen(command, pass_fds=[self._writer])
            self.processes[process.pid] = process
            pids.append(process.pid)
        waiting = set(pids)
        looked_at = len(self.effects)
        while waiting:
            waiting.discard(self.next(lambda effect: effect.what == "joined", within_s).pid)
        self._look_again_at(looked_at)
        return pids

    def _look_again_at(self, place: int) -> None:
        """What the first to join has done, while the last one was waited for, is news still."""
        since = self.effects[place:]
        self.effects[place:] = [effect for effect in since if effect.what == "joined"]
        self._unread[:0] = [effect for effect in since if effect.what != "joined"]

    def send(self, pid: int, number: signal.Signals) -> None:
        os.kill(pid, number)

    def end(self, pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """End an instance and wait for its end."""
        process = self.processes[pid]
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        process.wait(timeout=40)
        del self.processes[pid]

    def next(self, wanted: Callable[[Effect], bool], within_s: float) -> Effect:
        """The next effect that is wanted; all others are kept in `effects` too."""
        return next(self.until(wanted, within_s))

    def until(self, wanted: Callable[[Effect], bool], within_s: float) -> Iterator[Effect]:
        """Each wanted effect as it comes, until the time is over, which fails the test."""
        ends = time.monotonic() + within_s
        while True:
            while self._unread:
                effect = self._unread.pop(0)
                self.effects.append(effect)
                if wanted(effect):
                    yield effect
            left = ends - time.monotonic()
            assert left > 0, f"waited {within_s} s in vain; the last were {self.effects[-5:]}"
            if self._selector.select(left):
                self._read()

    def entered(self, job: str, count: int, within_s: float) -> list[Effect]:
        """The next `count` handlers of the job that are entered."""
        found = self.until(lambda e: e.what == "entered" and e.job == job, within_s)
        return [next(found) for _ in range(count)]

    def drain(self) -> list[Effect]:
        """All that was said so far."""
        while self._selector.select(0):
            self._read()
        self.effects += self._unread
        self._unread.clear()
        return self.effects

    def _read(self) -> None:
        now = time.time()
        lines = (self._rest + os.read(self._reader, 65_536)).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            what, job, fire_time, attempt, token, pid = line.decode().split()
            self._unread.append(
                Effect(what, job, int(fire_time), int(attempt), int(token), int(pid), now)
            )


def eventually(condition: Callable[[], bool], within_s: float) -> float:
    """Wait for what the store will say; answers how long it took."""
    began = time.monotonic()
    pause = threading.Event()
    while not condition():
        taken = time.monotonic() - began
        assert taken < within_s, f"not so after {within_s} s"
        pause.wait(0.02)
    return time.monotonic() - began
