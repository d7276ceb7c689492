"""The instance's side of a keeper."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cronfleet.apps.job_file.values import CommandWork
from cronfleet.errors import CronfleetError

GRACE_S = 3.0
"""Between TERM and KILL. Less than an instance waits for a handler that it has cancelled."""

HEAD_BYTES = 64 * 1024
"""So much of what a command says is passed on as it is said."""

TAIL_BYTES = 8 * 1024
"""So much of its end is kept, if it says more than that."""

_KEEPER = Path(__file__).with_name("keeper.py")
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """How a command ended."""

    status: int
    """Its exit status; below 0 the signal that killed it."""
    left_behind: int
    """How many of its processes were still there then, and were ended."""
    said: int
    """How many bytes it said."""
    tail: str
    """The end of it, if it said more than is passed on."""

    @property
    def unheard(self) -> int:
        """How many bytes nobody has seen."""
        return max(0, self.said - HEAD_BYTES - TAIL_BYTES)


class NotStartedError(CronfleetError):
    """A command that could not be started; nothing of it has run."""


class KeeperGoneError(CronfleetError):
    """A keeper that ended without a report: its command was killed with it."""

    def __init__(self) -> None:
        super().__init__("the process that looked after it was killed, and it with that")


class Kept:
    """A command at work. `kept` makes one."""

    def __init__(self, keeper: asyncio.subprocess.Process) -> None:
        self._keeper = keeper

    async def ended(self, hear: Callable[[bytes], None]) -> Report:
        """Its end, waited for; meanwhile `hear` is told what it says.

        Raises NotStartedError, KeeperGoneError.
        """
        assert self._keeper.stdout is not None  # noqa: S101 - both are pipes
        assert self._keeper.stderr is not None  # noqa: S101
        while said := await self._keeper.stderr.read(_CHUNK):
            hear(said)
        report = await self._keeper.stdout.read()
        await self._keeper.wait()
        return _report(report)

    def end(self) -> None:
        """Ask it to end, kill it after the grace; `ended` tells when it is gone."""
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()


async def kept(work: CommandWork, environment: dict[str, str]) -> Kept:
    """Start a command, whose environment is its own and this."""
    keeper = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", str(_KEEPER)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={},
        start_new_session=True,  # What a terminal sends to us is not for it.
    )
    assert keeper.stdin is not None  # noqa: S101 - it is a pipe
    keeper.stdin.write(_request(work, environment))
    return Kept(keeper)


def _request(work: CommandWork, environment: dict[str, str]) -> bytes:
    request = {
        "argv": list(work.argv),
        "directory": work.directory,
        "environment": {**work.environment, **environment},
        "stdin": work.stdin,
        "memory_bytes": work.memory_bytes,
        "grace_s": GRACE_S,
        "head_bytes": HEAD_BYTES,
        "tail_bytes": TAIL_BYTES,
    }
    return json.dumps(request).encode() + b"\n"


def _report(line: bytes) -> Report:
    if not line:
        raise KeeperGoneError
    report = json.loads(line)
    if trouble := report.get("trouble"):
        raise NotStartedError(f"it could not be started: {trouble}")
    return Report(report["status"], report["left_behind"], report["said"], report["tail"])
