"""A mail server in a process of its own, which misbehaves when told to: the one who knows.

    python -m tests.chaos.outbox.peer FOLDER SLOTS

It listens on a port for each instance, and says on its output which, then what happens, a line of
JSON each. On its input come `arm STEP ACT`, for the first who gets there, `disarm`, `go PORT` for
the dialogues on this port that are held, and `dead PORT` when the instance on this port is. FOLDER has `identity.pem`, and gets `mails.jsonl`, a line for each mail
that was accepted, and `dialogues.jsonl`, a line for each that was begun.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from collections import defaultdict, deque
from pathlib import Path
from typing import Any

from cronfleet_verify.effects import append
from tests.chaos.outbox.dialogue import Dialogue
from tests.chaos.outbox.steps import Step

BACKLOG = 64


class Peer:
    """What all dialogues share."""

    def __init__(self, folder: Path) -> None:
        self.identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.identity.load_cert_chain(folder / "identity.pem")
        self._mails = folder / "mails.jsonl"
        self._dialogues = folder / "dialogues.jsonl"
        self._armed: defaultdict[Step, deque[str]] = defaultdict(deque[str])
        self._open: set[Dialogue] = set()
        self._lock = threading.Lock()

    def listen(self, *, pipelines: bool) -> int:
        """On a port for one instance, from which it takes several commands in one breath or not."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        port: int = listening.getsockname()[1]
        threading.Thread(target=self._serve, args=(listening, port, pipelines), daemon=True).start()
        return port

    def obey(self, order: str) -> None:
        word, _, rest = order.strip().partition(" ")
        with self._lock:
            match word:
                case "arm":
                    step, _, act = rest.partition(" ")
                    self._armed[Step[step]].append(act)
                case "disarm":
                    self._armed.clear()
                case "go" | "dead":
                    for dialogue in [each for each in self._open if each.port == int(rest)]:
                        dialogue.is_dead = word == "dead"
                        dialogue.may_go_on.set()
                case _:
                    raise ValueError(order)

    def act_at(self, step: Step) -> str:
        """What is to be done to the one who is there now; empty for nothing."""
        with self._lock:
            act = self._armed[step].popleft() if self._armed[step] else ""
        if act:
            self.tell("struck", step=step.name, act=act)
        return act

    def hold(self, step: Step, dialogue: Dialogue) -> None:
        """Say that its instance is to be killed, and wait until that is done."""
        dialogue.may_go_on.clear()
        self.tell("held", step=step.name, port=dialogue.port)
        dialogue.may_go_on.wait()

    def accept(self, recipient: str, port: int) -> None:
        """From here on the mail is the peer's: it is on the disk."""
        line = {"effect": "did", "key": f"mail {recipient}", "at": _now_ms(), "instance": str(port)}
        append(self._mails, json.dumps(line))

    def note(self, recipient: str, furthest: Step, answers: list[str]) -> None:
        """How a dialogue about a mail went."""
        line = {"to": recipient, "furthest": furthest.name, "answers": answers, "at": _now_ms()}
        with self._lock, self._dialogues.open("a") as file:
            file.write(f"{json.dumps(line)}\n")

    def tell(self, event: str, **more: Any) -> None:
        sys.stdout.write(f"{json.dumps({'event': event} | more)}\n")
        sys.stdout.flush()

    def _serve(self, listening: socket.socket, port: int, pipelines: bool) -> None:
        while True:
            connection, _ = listening.accept()
            dialogue = Dialogue(self, connection, port, pipelines=pipelines)
            with self._lock:
                self._open.add(dialogue)
            threading.Thread(target=self._talk, args=(dialogue,), daemon=True).start()

    def _talk(self, dialogue: Dialogue) -> None:
        dialogue.talk()
        with self._lock:
            self._open.discard(dialogue)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def main(folder: Path, slots: int) -> None:
    peer = Peer(folder)
    peer.tell("listening", ports=[peer.listen(pipelines=n % 2 == 0) for n in range(slots)])
    for order in sys.stdin:
        peer.obey(order)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
