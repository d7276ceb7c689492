"""The peer, as the campaign sees it: orders go to it, and what happens comes back."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

from tests.chaos.outbox.steps import Step
from tests.servers import DIE_WITH_PARENT

ROOT = Path(__file__).parents[3]
START_S = 30


class PeerProcess:
    """Runs while its block lasts; its files are in the folder."""

    def __init__(self, folder: Path, slots: int) -> None:
        self.authority = folder / "authority.pem"
        self.mails = folder / "mails.jsonl"
        self.dialogues = folder / "dialogues.jsonl"
        authority = trustme.CA()
        authority.cert_pem.write_to_path(self.authority)
        leaf = authority.issue_cert("127.0.0.1")
        leaf.private_key_and_cert_chain_pem.write_to_path(folder / "identity.pem")
        for log in (self.mails, self.dialogues):
            log.touch()
        module = [sys.executable, "-m", "tests.chaos.outbox.peer"]
        self._command = [*DIE_WITH_PARENT, *module, folder, str(slots)]
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.ports: list[int] = []
        self.struck: list[tuple[str, str]] = []
        """Step and act of each time that it did what it was told."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.ports = self._events.get(timeout=START_S)["ports"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._reader.join()
        with self._process:  # Closes its pipes.
            pass

    def arm(self, step: Step, act: str) -> None:
        """Whoever gets to the step first is served so, once."""
        self._tell(f"arm {step.name} {act}")

    def disarm(self) -> None:
        self._tell("disarm")

    def go_on(self, port: int) -> None:
        """The instance on this port, which is held, stands still: go on."""
        self._tell(f"go {port}")

    def is_dead(self, port: int) -> None:
        """The instance on this port is: whatever it had said is heard, and nothing done to it."""
        self._tell(f"dead {port}")

    def event(self, name: str, within_s: float) -> dict[str, Any] | None:
        """The next of this name, those before it passed over; None if none comes in time."""
        try:
            while (event := self._events.get(timeout=within_s))["event"] != name:
                pass
        except queue.Empty:
            return None
        return event

    def _tell(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event: dict[str, Any] = json.loads(line)
            if event["event"] == "struck":
                self.struck.append((event["step"], event["act"]))
            else:
                self._events.put(event)
