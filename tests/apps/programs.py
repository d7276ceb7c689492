"""Servers that tests start: found on this machine, waited for, and ended."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.servers import DIE_WITH_PARENT, ServerUnavailableError


def program(name: str, of: str) -> str:
    """Its path, also where only root's PATH looks. Raises ServerUnavailableError."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=path)
    if found is None:
        raise ServerUnavailableError(f"no {of} server: {name} is not on this machine")
    return found


class Serving:
    """A process that listens on a port, with what it says in a file: a pipe would fill up."""

    def __init__(self, command: Sequence[str | Path], port: int, log: Path) -> None:
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                [*DIE_WITH_PARENT, *command], stdout=said, stderr=said, stdin=subprocess.DEVNULL
            )
        while not _listens(port):
            if self._process.poll() is not None:
                raise ServerUnavailableError(
                    f"{command[0]} does not start: {log.read_text(errors='replace')[-2000:]}"
                )
            time.sleep(0.01)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True
