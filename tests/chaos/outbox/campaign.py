"""The bundled application under fire: its instances are killed at every step of the dialogue.

python3 dev.py chaos --outbox --kills 150 --users-in sqlite
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.chaos.looker import Looker
from tests.chaos.outbox.judging import Verdict, judge
from tests.chaos.outbox.peer_process import PeerProcess
from tests.chaos.outbox.starting import application, await_ends
from tests.chaos.outbox.steps import KILL, Step, acts_at
from tests.chaos.outbox.users import Users
from tests.chaos.processes import Process, Program, Supervisor

INSTANCES = 3
CONNECTIONS = 6
DUE = 48
"""So many users are due at any time: six are mailed at a time, others are leased, and some wait."""
LOOK_S = 0.25
PATIENCE_S = 90
LONGEST_AFTER_S = 0.02
"""For the steps that come after an answer: the sender is killed somewhere in what it does then."""


Kill: TypeAlias = tuple[Step, ...]
"""One kill: of a sender whose lanes are each held at one of these steps."""

EACH_ONCE: tuple[Kill, ...] = (
    (Step.CONNECT,),
    (Step.EHLO,),
    (Step.MAIL, Step.RCPT, Step.DATA),
    (Step.STARTTLS,),
    (Step.HANDOFF,),
    (Step.TLS,),
    (Step.UNREAD,),
    (Step.LOGIN,),
    (Step.BODY, Step.DOT, Step.ACCEPTED, Step.NEXT),
    (Step.ANSWERED,),
)
"""Every step, with few kills. Those where the moment matters are alone."""


def drawn(seed: int, kills: int) -> list[tuple[Kill, tuple[Step, str]]]:
    """Kills at each step as often as at the others, and with each another act somewhere."""
    draw = random.Random(seed)
    steps = [step for _ in range(-(-kills // len(Step))) for step in Step][:kills]
    draw.shuffle(steps)
    possible = [(step, act) for step in Step for act in acts_at(step)]
    return [((step,), draw.choice(possible)) for step in steps]


@dataclass(frozen=True)
class Parts:
    """What it is made of."""

    store: str
    ttl_ms: int
    users: Users
    peer: PeerProcess
    looker: Looker
    folder: Path

    def instance(self, port: int) -> Program:
        """One whose mail server is on this port."""
        settings = {
            "EMAIL_USER": "it@corp.test",
            "EMAIL_PASSWORD": "secret",
            "SMTP_PORT": str(port),
            "SMTP_CONNECTIONS": str(CONNECTIONS),
            "SSL_CERT_FILE": str(self.peer.authority),
            "USERS_DATABASE_URL": self.users.url,
        }
        return application(f"instance-{port}", self.store, self.ttl_ms, self.folder, settings)


class Campaign:
    """One application on one store, its users, and the peer that takes their mails."""

    def __init__(self, parts: Parts) -> None:
        self.kills: Counter[Step] = Counter()
        """By the step at which it was held; one may be held at several."""
        self.struck = 0
        self.most_parked = 0
        """By any one kill: so many mails were handed off, and their answers not on record."""
        self._parts = parts
        self._users = parts.users
        self._peer = parts.peer
        self._pause = threading.Event()
        self._draw = random.Random(0)
        self._instances: dict[int, Process] = {}

    @contextmanager
    def begun(self) -> Generator[None]:
        """While it lasts the instances are at work, and those that end are started again."""
        with Supervisor(restart_after_s=0) as supervisor:
            for port in self._peer.ports:
                self._instances[port] = supervisor.run(
                    f"instance-{port}", self._parts.instance(port)
                )
            yield
            self._peer.disarm()
            self._go_on()
            for process in supervisor.processes:
                supervisor.let_go(process)
                process.terminate()
            await_ends(self._instances.values(), PATIENCE_S)

    def verdict(self) -> Verdict:
        """When all have ended."""
        return judge(
            self._users.count, self._users.notices(), self._peer.mails, self._peer.dialogues
        )

    def misbehave(self, step: Step, act: str) -> None:
        """The peer does so to the first who gets there."""
        self._peer.arm(step, act)

    def strike(self, kill: Kill) -> None:
        """Kill the first who gets there, when all of these steps are reached."""
        for step in kill:
            self._peer.arm(step, KILL)
        (port,) = {self._held() for _ in kill}
        victim = self._instances[port]
        if Step.UNREAD in kill:
            victim.freeze()
            self._peer.go_on(port)
            self._peer.event("said", PATIENCE_S)
        elif kill[0] in {Step.HANDOFF, Step.ANSWERED}:
            self._pause.wait(self._draw.uniform(0, LONGEST_AFTER_S))
        if victim.kill():
            self.struck += 1
            self.most_parked = max(self.most_parked, self._users.most_handed_off())
            self.kills.update(kill)
        self._peer.is_dead(port)

    def _held(self) -> int:
        """Wait until one is; on which port."""
        ends = time.monotonic() + PATIENCE_S
        while not (held := self._peer.event("held", LOOK_S)):
            assert time.monotonic() < ends, "nobody comes to where he is to be killed"
            self._let_time_pass()
        return int(held["port"])

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
        export = self._parts.folder / "history.jsonl"
        self._parts.looker.export(export)
        lines = map(json.loads, export.read_text("utf-8").splitlines())
        return {
            line["token"] for line in lines if line["line"] == "run" and line["state"] == "lost"
        }
