"""Where a scheduler is at work under load: its folder, and the processes of its instances."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.load.schedulers import Loaded
from benchmarks.measuring.rounds import FailedRoundError, UnavailableError
from benchmarks.rivals.environments import FOLDER, environment
from tests.chaos.processes import last_lines
from tests.servers import DIE_WITH_PARENT

WORKERS = Path(__file__).with_name("workers")
LOOK_S = 0.005
ENDS_WITHIN_S = 15


class Place:
    """Raises UnavailableError if the scheduler cannot be installed."""

    def __init__(self, who: Loaded, folder: Path, variables: Mapping[str, str]) -> None:
        self.entries = folder / "entries"
        self.calls = folder / "calls"
        self._who = who
        self._folder = folder
        # Nothing else of ours is in their environment.
        self._variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(WORKERS),
            "LOAD_FOLDER": str(folder),
            **variables,
        }
        if who.under and shutil.which(who.under.split()[0]) is None:
            raise UnavailableError(f"it needs {who.under.split()[0]}")
        if who.environment is not None:
            try:
                environment(who.environment)
            except (OSError, subprocess.CalledProcessError) as error:
                raise UnavailableError(str(error)) from error

    @contextlib.contextmanager
    def at_work(self, instances: int) -> Generator[list[int]]:
        """Answers the pids of the processes that do the work."""
        if self._who.prepare and self._start(self._who.prepare).wait() != 0:
            raise FailedRoundError(f"{self._who.label}: {self.said()}")
        begun = [self._start(each) for _ in range(instances) for each in self._who.works]
        pids = [each.pid for each in begun]
        if self._who.declare:
            begun.append(self._start(self._who.declare))
        try:
            yield pids
        finally:
            for each in begun:
                _end(each)

    def await_declared(self, instances: int, until_s: float) -> None:
        """Until all who declare have done so. Raises FailedRoundError when it is too late."""
        wanted = 1 if self._who.declare else instances
        while len(list(self._folder.glob("declared-*"))) < wanted:
            if time.time() > until_s:
                raise FailedRoundError(f"{self._who.label}: not ready when due: {self.said()}")
            time.sleep(LOOK_S)

    def told(self) -> list[dict[str, Any]]:
        """What instances of ours told when they ended."""
        return [json.loads(each.read_text()) for each in self._folder.glob("told-*")]

    def said(self) -> str:
        """The last lines that all of them printed."""
        return last_lines(self._folder / "log")

    def _start(self, command: str) -> subprocess.Popen[bytes]:
        first, *others = command.split()
        program = sys.executable
        if self._who.environment is not None:
            program = str(FOLDER / self._who.environment / "bin" / first)
        under = self._who.under.format(calls=self.calls).split()
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [*DIE_WITH_PARENT, *under, program, *others],
                cwd=WORKERS,
                env=self._variables,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def peak_mb(pid: int) -> float:
    """The most memory that a process at work has held at once; nothing is known of one that ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return sum(int(line.split()[1]) for line in lines) / 1024


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let it drain; then all of its session ends, what it started included."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(ENDS_WITHIN_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
