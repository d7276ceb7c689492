"""Three instances of a scheduler, each on a machine of its own, as far as one machine can be three.

What strikes an instance strikes all of its processes, and those that they started. What ended by
itself is started again, process by process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rivals.contestants import Contestant
from benchmarks.rivals.environments import FOLDER
from tests.chaos.processes import Process, Program, Supervisor, last_lines
from tests.chaos.wall_clock import WallClock

WORKERS = Path(__file__).with_name("workers")
SOURCE = Path(__file__).parents[2] / "src"
NAMES = ("anna", "bert", "cora")
RESTART_AFTER_S = 1.0
APART_S = 1 / 3
"""Between the starts of instances: who looks each second must not look at one moment in all."""
LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fleet is at work: its store, what its handlers log, and what its processes say."""

    url: str
    effects: Path
    logs: Path

    def variables(self, instance: str) -> dict[str, str]:
        """The environment of a process: nothing of ours is in it but what its handler needs."""
        wall_less_monotonic_ns = time.time_ns() - time.monotonic_ns()
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{WORKERS}:{SOURCE}",
            "PYTHONUNBUFFERED": "1",
            "RIVALS_STORE": self.url,
            "RIVALS_EFFECTS": str(self.effects),
            "RIVALS_INSTANCE": instance,
            "RIVALS_WALL_LESS_MONOTONIC_NS": str(wall_less_monotonic_ns),
        }


class Machine:
    """One instance: its processes, and theirs."""

    def __init__(self, name: str, processes: Sequence[Process]) -> None:
        self.name = name
        self.processes = processes

    def freeze(self) -> None:
        for process in self.processes:
            others = _others_in_session(process.pid)
            process.freeze()
            _send(others, signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self.processes:
            others = _others_in_session(process.pid)
            _send(others, signal.SIGCONT)
            process.thaw()

    def kill(self) -> None:
        for process in self.processes:
            others = _others_in_session(process.pid)
            process.kill()
            _send(others, signal.SIGKILL)

    @property
    def ended(self) -> int:
        """How many of its processes ended though nobody had asked them to."""
        return sum(not end.by_us for process in self.processes for end in process.ends)


class Fleet:
    """The instances, from their start to the end of the block."""

    def __init__(self, contestant: Contestant, place: Place, clocks_off_s: Sequence[float]) -> None:
        self._contestant = contestant
        self._place = place
        self._supervisor = Supervisor(RESTART_AFTER_S)
        self._clocks_off_s = clocks_off_s
        self.machines: list[Machine] = []
        self.struck: list[str] = []
        """Which instances were struck, in order."""

    def __enter__(self) -> Fleet:
        self.prepare()
        self._supervisor.__enter__()
        for name, off_s in zip(NAMES, self._clocks_off_s, strict=True):
            variables = self._variables(name)
            if off_s:
                clock = WallClock(self._place.logs / f"{name}.clock")
                clock.set(off_s)
                variables = clock.worn_by(variables)
            self.machines.append(self._machine(name, variables))
            time.sleep(APART_S)
        return self

    def __exit__(self, *error: object) -> None:
        for machine in self.machines:
            for process in machine.processes:
                self._supervisor.let_go(process)
            machine.kill()
        self._supervisor.__exit__(None, None, None)

    def prepare(self) -> None:
        """What a person does with an empty store. Raises CalledProcessError."""
        if self._contestant.prepare:
            command = self._command(self._contestant.prepare, "rig")
            with (self._place.logs / "prepare.log").open("ab") as log:
                subprocess.run(
                    command, env=self._variables("rig"), check=True, stdout=log, stderr=log
                )

    def await_first_run(self, within_s: float) -> None:
        """Raises TimeoutError, with the last words of everybody."""
        deadline = time.monotonic() + within_s
        while not self._place.effects.exists():
            if time.monotonic() > deadline:
                logs = sorted(self._place.logs.glob("*.log"))
                said = "\n".join(f"{log.name}: {last_lines(log)}" for log in logs)
                raise TimeoutError(f"{self._contestant.name} runs nothing: {said}")
            time.sleep(LOOK_S)

    def struck_at_work(self, within_s: float = 3) -> Machine:
        """An instance that is in the middle of a run, one that was not struck before if there is."""
        deadline = time.monotonic() + within_s
        while True:
            busy = at_work(self._place.effects)
            fresh = [each for each in self.machines if each.name in busy - set(self.struck)]
            if not fresh and time.monotonic() > deadline:
                fresh = [each for each in self.machines if each.name in busy]
            if not fresh and time.monotonic() > 2 * within_s + deadline:
                fresh = [each for each in self.machines if each.name not in self.struck]
                fresh = fresh or self.machines
            if fresh:
                self.struck.append(fresh[0].name)
                return fresh[0]
            time.sleep(LOOK_S)

    @property
    def ended(self) -> int:
        return sum(machine.ended for machine in self.machines)

    def _machine(self, name: str, variables: Mapping[str, str]) -> Machine:
        processes: list[Process] = []
        for number, command in enumerate(self._contestant.commands):
            words = self._command(command, name)
            log = self._place.logs / f"{name}-{number}.log"
            program = Program(words, log, variables, folder=WORKERS)
            processes.append(self._supervisor.run(f"{name}-{number}", program))
        return Machine(name, processes)

    def _command(self, command: str, instance: str) -> list[str]:
        first, *others = command.format(instance=instance, store=self._place.url).split()
        if self._contestant.environment is None:
            return [sys.executable, *others]
        return [str(FOLDER / self._contestant.environment / "bin" / first), *others]

    def _variables(self, instance: str) -> dict[str, str]:
        return {**self._place.variables(instance), **self._contestant.variables}


def at_work(effects: Path) -> set[str]:
    """Instances with a process whose newest line says that it began."""
    newest: dict[str, str] = {}
    with effects.open() as file:
        for line in file:
            if line.endswith("\n"):  # else it is being written
                told = json.loads(line)
                newest[told["instance"]] = told["effect"]
    return {process.partition(":")[0] for process, effect in newest.items() if effect == "began"}


def _others_in_session(leader: int) -> list[int]:
    """What it started, and what these started: it leads a session of its own."""
    if not leader:
        return []
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # It has ended.
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                found.append(int(stat.parent.name))
    return [pid for pid in found if pid != leader]


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
