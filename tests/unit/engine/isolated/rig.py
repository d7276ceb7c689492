"""Runs in real processes, in real time, and how a test follows them."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from cronfleet import every
from cronfleet.engine.known import Handler, KnownJob
from cronfleet.engine.runner import Ended, Runner
from cronfleet.model import Claim, Kind, RunId, SessionId
from cronfleet.registry import known_job
from cronfleet.store import CancelAsked

NOON_MS = 1_774_785_600_000
ANNA = SessionId("anna")
RUN = RunId("report", NOON_MS)
TOKEN = 7
ASKED = [CancelAsked(RUN, TOKEN)]


def claim(attempt: int = 1) -> Claim:
    return Claim(RUN, Kind.TICK, TOKEN, attempt, "digest")


def isolated(handler: Handler, **options: Any) -> KnownJob:
    options = {"isolation": "process", **options}
    return known_job(handler, every(timedelta(hours=1)), "report", options)  # pyright: ignore[reportArgumentType] - a test names options that exist


class Sessions:
    """Those that hold, as the runner asks for them from any thread."""

    def __init__(self) -> None:
        self.held = {ANNA}

    def __call__(self, session: SessionId) -> bool:
        return session in self.held


def new_runner(grace_ms: int = 20_000, sessions: Sessions | None = None) -> Runner:
    return Runner(grace_ms, sessions or Sessions(), loss_grace_ms=grace_ms)


async def ended(handler: Handler, **options: Any) -> Ended:
    return await new_runner().run(isolated(handler, **options), claim(), ANNA)


class Fifo:
    """Lines that handlers write, as they come."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "fifo"
        os.mkfifo(self.path)
        # Opened for both, so that it does not end with each who writes.
        self._number = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self._rest = b""
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._number)

    @property
    def args(self) -> dict[str, Any]:
        return {"fifo": str(self.path)}

    async def line(self) -> str:
        loop = asyncio.get_running_loop()
        while not self._lines:
            readable = loop.create_future()
            loop.add_reader(self._number, readable.set_result, None)
            try:
                await readable
            finally:
                loop.remove_reader(self._number)
            self.read()
        return self._lines.pop(0)

    async def pids(self) -> list[int]:
        return [int(word) for word in (await self.line()).split()]

    def read(self) -> list[str]:
        """What was written so far and not asked for."""
        try:
            *lines, self._rest = (self._rest + os.read(self._number, 65_536)).split(b"\n")
        except BlockingIOError:
            lines = []
        self._lines += [line.decode() for line in lines]
        return self._lines


def is_alive(pid: int) -> bool:
    """Whether it is there, and more than a dead process that nobody has asked about."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return not Path("/proc/self").exists()
