"""The log of effects: what a handler really did, written down where its scheduler has no say."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Generator
from pathlib import Path
from typing import Protocol


class Run(Protocol):
    """What a handler is given, as far as it is written down: a `cronfleet.RunContext` is one."""

    @property
    def run_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def token(self) -> int: ...


class EffectLog:
    """A file to which the handlers of any number of processes append what they do.

    Each line is on the disk before the handler goes on: with one whole write and an fsync.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, fleet: str | None = None, instance: str | None = None
    ) -> None:
        self._path = Path(path)
        self._fleet = fleet or os.environ.get("CRONFLEET_FLEET") or "default"
        self._instance = instance

    @contextlib.contextmanager
    def of(self, run: Run) -> Generator[None]:
        """Writes that the run began and, at the end of the block, how it ended."""
        self._tell("began", run)
        try:
            yield
        except Exception:
            self._tell("ended", run, outcome="failed")
            raise
        except BaseException:
            self._tell("ended", run, outcome="cancelled")
            raise
        self._tell("ended", run, outcome="succeeded")

    def did(self, run: Run, key: str = "") -> None:
        """Writes that the run had an effect; one with a key must never be had twice."""
        self._tell("did", run, key=key)

    def _tell(self, effect: str, run: Run, **more: str) -> None:
        instance = self._instance or f"{socket.gethostname()}:{os.getpid()}"
        line = {
            "effect": effect,
            "fleet": self._fleet,
            "run": run.run_id,
            "attempt": run.attempt,
            "token": run.token,
            "instance": instance,
            "at": time.time_ns() // 1_000_000,
            **more,
        }
        append(self._path, json.dumps(line))


def append(path: Path, line: str) -> None:
    """Append a line to a file, whole and for good, whoever else does so too."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        whole = f"{line}\n".encode()
        if os.write(file, whole) < len(whole):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file)
    finally:
        os.close(file)
