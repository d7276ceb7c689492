"""The bundled application under fire: its instances are killed at every step of the dialogue.

python3 dev.py chaos --outbox --kills 150 --users-in sqlite
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.looker import Looker
from tests.chaos.outbox.judging import Verdict, judge
from tests.chaos.outbox.peer_process import PeerProcess
from tests.chaos.outbox.steps import KILL, Step, acts_at
from tests.chaos.outbox.users import Users
from tests.chaos.processes import Process, Program, Supervisor

ROOT = Path(__file__).parents[3]
INSTANCES = 3
DUE = 24
"""So many users are due at any time: four are mailed at a time, and some wait."""
LOOK_S = 0.25
PATIENCE_S = 90
LONGEST_AFTER_S = 0.02
"""For the steps that come after an answer: the sender is killed somewhere in what it does then."""


@dataclass(frozen=True)
class Fates:
    """What is to happen, in this order: a kill at a step each, and other acts meanwhile."""

    kills: list[Step]
    acts: list[tuple[Step, str]]


def drawn(seed: int, kills: int) -> Fates:
    """Each step as often as the others; with each kill another act somewhere."""
    draw = random.Random(seed)
    steps = [step for _ in range(-(-kills // len(Step))) for step in Step][:kills]
    draw.shuffle(steps)
    possible = [(step, act) for step in Step for act in acts_at(step)]
    return Fates(steps, [draw.choice(possible) for _ in steps])


class Campaign:
    """One application on one store, its users, and the peer that takes their mails."""

    def __init__(
        self, store: str, ttl_ms: int, users: Users, peer: PeerProcess, folder: Path
    ) -> None:
        self.kills: Counter[Step] = Counter()
        self._store = store
        self._ttl_ms = ttl_ms
        self._users = users
        self._peer = peer
        self._folder = folder
        self._pause = threading.Event()
        self._draw = random.Random(0)
        self._instances: dict[int, Process] = {}

    def run(self, fates: Fates) -> Verdict:
        with Supervisor(restart_after_s=0) as supervisor, Looker(self._store) as self._looker:
            for port in self._peer.ports:
                self._instances[port] = supervisor.run(f"instance-{port}", self._program(port))
            for step, (other, act) in zip(fates.kills, fates.acts, strict=True):
                self._peer.arm(other, act)
                self._strike(step)
            self._peer.disarm()
            self._go_on()
            for process in supervisor.processes:
                supervisor.let_go(process)
                process.terminate()
            self._await_ends()
        return judge(
            self._users.count, self._users.notices(), self._peer.mails, self._peer.dialogues
        )

    def _program(self, port: int) -> Program:
        environment = {
            **os.environ,
            "CRON_SCHEDULE": "* * * * * *",
            "DRY_RUN": "false",
            "EMAIL_USER": "it@corp.test",
            "EMAIL_PASSWORD": "secret",
            "MAIL_SENDER": "smtp",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(port),
            "SSL_CERT_FILE": str(self._peer.authority),
            "USERS_DATABASE_URL": self._users.url,
            "CRONFLEET_DATA_DIR": str(self._folder / "data"),
        }
        module = [sys.executable, "-m", "tests.chaos.outbox.instance"]
        command = [*module, self._store, str(self._ttl_ms)]
        return Program(command, self._folder / f"instance-{port}.log", environment, ROOT)

    def _strike(self, step: Step) -> None:
        """Kill the first who gets there."""
        self._peer.arm(step, KILL)
        ends = time.monotonic() + PATIENCE_S
        while not (held := self._peer.event("held", LOOK_S)):
            assert time.monotonic() < ends, f"nobody came to {step.name}"
            self._let_time_pass()
        victim = self._instances[held["port"]]
        if step is Step.UNREAD:
            victim.freeze()
            self._peer.go(held["number"])
            self._peer.event("said", PATIENCE_S)
        if step in {Step.HANDOFF, Step.ANSWERED}:
            self._pause.wait(self._draw.uniform(0, LONGEST_AFTER_S))
        self.kills[step] += victim.kill()
        if step is not Step.UNREAD:
            self._peer.go(held["number"])

    def _go_on(self) -> None:
        """Until every user's notice has come to its end."""
        ends = time.monotonic() + PATIENCE_S
        while self._users.unfinished() and time.monotonic() < ends:
            self._pause.wait(LOOK_S)
            self._let_time_pass(adds=False)

    def _let_time_pass(self, *, adds: bool = True) -> None:
        self._users.let_pass(self._over())
        if adds and (missing := DUE - self._users.unfinished()) > 0:
            self._users.add(missing)

    def _over(self) -> set[int]:
        """The tokens of the runs that are over."""
        export = self._folder / "history.jsonl"
        self._looker.export(export)
        lines = map(json.loads, export.read_text("utf-8").splitlines())
        return {
            line["token"] for line in lines if line["line"] == "run" and line["state"] == "lost"
        }

    def _await_ends(self) -> None:
        ends = time.monotonic() + PATIENCE_S
        while not all(process.has_ended() for process in self._instances.values()):
            assert time.monotonic() < ends, "an instance does not end"
            self._pause.wait(LOOK_S)
