"""`cronfleet run` as an operator starts it: real processes in a folder of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from email import message_from_bytes
from pathlib import Path
from typing import Any, Self

import httpx

from tests.servers import DIE_WITH_PARENT, free_port

RUN = ("-m", "cronfleet", "run")


class Process:
    """One instance, told to stop at the end of the block. `arguments` are Python's."""

    def __init__(self, folder: Path, *arguments: str, **settings: str) -> None:
        self.port = free_port()
        self.said: list[str] = []
        command = [*DIE_WITH_PARENT, sys.executable, *(arguments or RUN)]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PORT": str(self.port)} | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def until(self, words: str) -> str:
        """Read on to the line with these words in it; the test's time limit is the only one."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"ended without {words!r}:\n{''.join(self.said)}")

    def ask(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def post(self, path: str, body: Mapping[str, Any]) -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.port}{path}", json=body, timeout=30)

    def signal(self, signal_: signal.Signals) -> None:
        self._process.send_signal(signal_)

    def stop(self) -> int:
        """Tell it to stop, read what it still says, and wait for its exit status."""
        self.signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Its exit status, waited for."""
        assert self._process.stdout is not None
        self.said += self._process.stdout.readlines()
        return self._process.wait()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def cronfleet(folder: Path, *arguments: str, **settings: str) -> Any:
    """What a command says in JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "cronfleet", *arguments, "--json"],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def mailed(folder: Path) -> list[str]:
    """Who has a mail in the mailbox, as often as there are mails."""
    mails = (folder / "var" / "mailbox").glob("*.eml")
    return sorted(str(message_from_bytes(mail.read_bytes())["To"]) for mail in mails)
