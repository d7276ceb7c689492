"""The bundled application beside real servers that come and go: a relay, a database, instances.

python3 dev.py chaos --postfix --notices 5000 --kill-every 5
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from cronfleet.apps.password_expiry.app import JOB
from tests.chaos.looker import Looker
from tests.chaos.outbox.starting import application, await_ends
from tests.chaos.outbox.users import Users
from tests.chaos.postfix.judging import Verdict, judge
from tests.chaos.postfix.relay import Relay
from tests.chaos.processes import Process, Program, Supervisor
from tests.postgres_servers import OwnPostgres

INSTANCES = 3
CONNECTIONS = 6
LOOK_S = 0.1
PATIENCE_S = 120
LONGEST_AWAY_S = 2
"""For so long a server that is restarted is away, at the most."""
OF_THE_SENDER = 0.75
"""So many kills are meant for whoever is sending at that moment; the others are for anybody."""
RUNS_AT_A_TIME = 2
"""The job may be at work while what was put off is delivered."""

RELAY, DATABASE = "relay", "database"


class Restart(NamedTuple):
    """A server goes away, and comes back, when such a share of the mails was begun."""

    after: float
    server: str


def drawn(seed: int) -> list[Restart]:
    """The relay twice and the database once, in the midst of the mails."""
    draw = random.Random(seed)
    first, second = draw.uniform(0.1, 0.4), draw.uniform(0.5, 0.8)
    restarts = [Restart(first, RELAY), Restart(second, RELAY)]
    return sorted([*restarts, Restart(draw.uniform(0.1, 0.8), DATABASE)])


@dataclass(frozen=True)
class Parts:
    """What it is made of."""

    store: str
    ttl_ms: int
    users: Users
    relay: Relay
    database: OwnPostgres
    looker: Looker
    folder: Path

    def instance(self, name: str) -> Program:
        settings = {
            "EMAIL_FROM": "it@corp.test",
            "MAX_MAILS_PER_RUN": "100000",
            "SMTP_PORT": str(self.relay.port),
            "SMTP_CONNECTIONS": str(CONNECTIONS),
            "SSL_CERT_FILE": str(self.relay.authority),
            "USERS_DATABASE_URL": self.users.url,
        }
        return application(name, self.store, self.ttl_ms, self.folder, settings)


class Campaign:
    """One application, its users and its servers."""

    def __init__(self, parts: Parts, seed: int, kill_every_s: float) -> None:
        self.kills = 0
        self.kills_of_the_sender = 0
        self.restarts: Counter[str] = Counter()
        self._parts = parts
        self._users = parts.users
        self._due = drawn(seed)
        self._kill_every_s = kill_every_s
        self._draw = random.Random(seed)
        self._pause = threading.Event()
        self._instances: list[Process] = []

    @contextmanager
    def begun(self) -> Generator[None]:
        """While it lasts the instances are at work, and those that end are started again.

        At its end every notice has come to its own, if that is possible at all.
        """
        with Supervisor(restart_after_s=0) as supervisor:
            for number in range(INSTANCES):
                name = f"instance-{number}"
                self._instances.append(supervisor.run(name, self._parts.instance(name)))
            yield
            self._settle()
            for process in supervisor.processes:
                supervisor.let_go(process)
                process.terminate()
            await_ends(self._instances, PATIENCE_S)

    def strike(self) -> None:
        """Until the mail of each user was begun at least once."""
        kill_at: float | None = None
        for untried in self._looks():
            kill_at = kill_at or self._next_kill()
            if self._due and self._due[0].after <= 1 - untried / self._users.count:
                self._restart(self._due.pop(0).server)
            if time.monotonic() >= kill_at:
                self._kill()
                kill_at = None

    def _looks(self) -> Iterator[int]:
        """How many users are left, again and again, from when the first mail was begun."""
        ends = time.monotonic() + PATIENCE_S + self._users.count
        while untried := self._users.untried():
            assert time.monotonic() < ends, f"{untried} users are still to be mailed"
            self._pause.wait(LOOK_S)
            if untried < self._users.count:
                yield untried

    def verdict(self) -> Verdict:
        """When all have ended. What it was judged by is kept in the folder."""
        self._parts.relay.drain()
        outbox, delivered = self._users.outbox(), self._parts.relay.delivered()
        for name, rows in (("outbox", outbox), ("delivered", delivered)):
            lines = "".join(f"{json.dumps(asdict(row))}\n" for row in rows)
            (self._parts.folder / f"{name}.jsonl").write_text(lines, "utf-8")
        strikes = self.kills + self.restarts.total()
        most = CONNECTIONS * RUNS_AT_A_TIME * strikes
        verdict = judge(self._users.addresses(), outbox, delivered, most)
        for process in self._instances:
            ends = [end for end in process.ends if not end.by_us]
            verdict.wrong += [f"{process.name} ended by itself: {end.status}" for end in ends]
        return verdict

    # --- what strikes

    def _next_kill(self) -> float:
        return time.monotonic() + self._kill_every_s * self._draw.uniform(0.5, 1.5)

    def _kill(self) -> None:
        sender = self._sender()
        victim = self._draw.choice(self._instances)
        if sender is not None and self._draw.random() < OF_THE_SENDER:
            victim = sender
        if victim.kill():
            self.kills += 1
            self.kills_of_the_sender += victim is sender

    def _sender(self) -> Process | None:
        """Whose run the job's is at this moment."""
        at_work = [run for run in self._parts.looker.runs(JOB, 3) if run.state == "started"]
        pids = {int(run.instance.rpartition(":")[2]) for run in at_work}
        return next((each for each in self._instances if each.pid in pids), None)

    def _restart(self, name: str) -> None:
        server = self._parts.relay if name == RELAY else self._parts.database
        server.stop()
        self._pause.wait(self._draw.uniform(0, LONGEST_AWAY_S))
        server.start()
        self.restarts[name] += 1

    # --- the calm

    def _settle(self) -> None:
        ends = time.monotonic() + PATIENCE_S
        while self._users.unfinished() and time.monotonic() < ends:
            self._pause.wait(LOOK_S)
            self._users.let_pass(self._over())

    def _over(self) -> set[int]:
        """The tokens of the runs that are over and hold notices all the same."""
        held = self._users.tokens()  # Before the runs are asked for: whose run is new is not in it.
        export = self._parts.folder / "history.jsonl"
        self._parts.looker.export(export)
        lines = map(json.loads, export.read_text("utf-8").splitlines())
        runs = [line for line in lines if line["line"] == "run"]
        return held - {run["token"] for run in runs if run["state"] in {"claimed", "started"}}
