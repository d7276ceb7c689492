"""The fleet under chaos: its store, its instances, who operates it, and what has struck it."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from cronfleet import CronfleetError, Scheduler
from cronfleet.model import JobRecord
from tests.chaos import handlers, stalls, true_time
from tests.chaos.jobs import KEPT, OF_RUN_TIME, PROGRAM, Edition, every_s
from tests.chaos.network import Network
from tests.chaos.points import Death
from tests.chaos.processes import Process, Program, Supervisor
from tests.chaos.stalls import Stall
from tests.chaos.stores import ChaosStore
from tests.chaos.wall_clock import WallClock
from tests.servers import ServerUnavailableError

MOST_JOBS = 200
UP_S = 20
"""Within this somebody is at work again where all have died."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Settings:
    """What a run is made of: two that have the same have the same schedule of faults."""

    store: str
    seed: int
    seconds: float
    instances: int = 4
    ttl_ms: int = 3_000
    load: float = 1
    """Of about seventy ticks a second."""


@dataclass(frozen=True)
class Places:
    """Where files go: those that are kept, and those that are written all the time."""

    kept: Path
    quick: Path

    @property
    def effects(self) -> Path:
        return self.quick / "effects.jsonl"

    @property
    def stalls(self) -> Path:
        return self.quick / "stalls.jsonl"

    @property
    def store_clock(self) -> Path:
        return self.quick / "store-clock.jsonl"

    @property
    def clocks(self) -> Path:
        """What instances have read on clocks that are wrong."""
        return self.quick / "clocks.jsonl"


@dataclass
class Stalling:
    """Since when a fault has really struck, and until when; nothing if it did not."""

    since: int = 0
    until: int = 0
    """Until it is noted, if nobody says."""


def now_ms() -> int:
    """The true time: the rig's own clock is right."""
    return time.time_ns() // 1_000_000


class Rig:
    """All that faults can reach."""

    def __init__(
        self,
        settings: Settings,
        store: ChaosStore,
        supervisor: Supervisor,
        places: Places,
        network: Network | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.places = places
        self.supervisor = supervisor
        self.instances: list[Process] = []
        self.clocks: dict[Process, WallClock] = {}
        self.death = Death(places.quick)
        self.one_at_a_time = asyncio.Lock()
        """For faults of which only one can be under way."""
        self.is_deploying = False
        self.details: Counter[str] = Counter()
        """What faults tell of themselves beside whether they struck."""
        self.operator = self._operator()
        self._edition: Edition = "a"
        self.network = network

    # --- instances

    def start_fleet(self) -> None:
        for number in range(self.settings.instances):
            program, clock = self._program(number), self._clock(number)
            if clock is not None:
                program = replace(program, environment=clock.worn_by(program.environment))
            process = self.supervisor.run(f"instance-{number}", program)
            self.instances.append(process)
            if clock is not None:
                self.clocks[process] = clock

    def shuffled(self, draw: random.Random) -> list[Process]:
        """All instances in an order that is drawn: the first that can be struck is."""
        return draw.sample(self.instances, len(self.instances))

    def turn_edition(self) -> Edition:
        """The other one, from now on."""
        self._edition = self.other_edition()
        return self._edition

    def other_edition(self) -> Edition:
        return "b" if self._edition == "a" else "a"

    def deploy(self, process: Process, edition: str) -> None:
        """The next process of this instance is of that edition."""
        command = self._command(self.instances.index(process), edition)
        process.program = replace(process.program, command=command)

    @contextmanager
    def stalled(self, process: Process, kind: str) -> Generator[Stalling]:
        """Notes, at the end of the block, what it says of whoever was this process meanwhile."""
        ended, stalling = len(process.ends), Stalling()
        try:
            yield stalling
        finally:
            for pid in process.pids_since(ended) if stalling.since else ():
                stall = Stall(stalls.name_of(pid), stalling.since, stalling.until or now_ms(), kind)
                stalls.note(self.places.stalls, stall)

    def _program(self, number: int) -> Program:
        environment = {
            **os.environ,
            **true_time.told(),
            "CHAOS_EFFECTS": str(self.places.effects),
            "CRONFLEET_FLEET": self.fleet,
        }
        log = self.places.kept / f"instance-{number}.log"
        return Program(self._command(number, self._edition), log, environment, ROOT)

    def _command(self, number: int, edition: str) -> list[str | Path]:
        ttl, load = str(self.settings.ttl_ms), str(self.settings.load)
        module = [sys.executable, "-m", "tests.chaos.instance"]
        return [*module, self._address(number), ttl, edition, load, self.places.quick]

    def _address(self, number: int) -> str:
        return self.network.address(number) if self.network else self.store.url

    def _clock(self, number: int) -> WallClock | None:
        """Every other instance has a clock of its own; with SQLite it would be the store's."""
        if self.settings.store == "sqlite" or number % 2 == 0:
            return None
        try:
            return WallClock(self.places.quick / f"clock-{number}")
        except ServerUnavailableError:
            return None

    # --- operating

    async def is_at_work(self, *processes: Process) -> bool:
        """Whether each has joined. False if nobody can tell."""
        try:
            labels = [each.label for each in await self.operator.instances()]
        except CronfleetError:
            return False
        return all(stalls.name_of(process.pid) in labels for process in processes)

    @property
    def fleet(self) -> str:
        return f"chaos-{self.settings.seed}"

    def _operator(self) -> Scheduler:
        operator = Scheduler(
            self.store.url,
            program=PROGRAM,
            fleet=self.fleet,
            session_ttl=timedelta(milliseconds=self.settings.ttl_ms),
        )
        operator.handler("work")(handlers.work)
        return operator

    async def jobs(self) -> list[JobRecord]:
        """All that were not removed, as the store has them: asked often, so by one call."""
        store = await self.operator._opened()
        return [job for job in await store.jobs(MOST_JOBS) if not job.removed]

    async def add_job_of_run_time(self) -> None:
        work = {"work_s": 0.02}
        await self.operator.add_job(handlers.work, every_s(1), OF_RUN_TIME, args=work, history=KEPT)
