"""What a handler does in a process of its own happens to it alone; and what it does elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cronfleet import RunInfo, Scheduler
from tests.fleet.rig import eventually
from tests.unit.engine.isolated.rig import is_alive

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(180)]

DISASTERS = Path(__file__).with_name("disasters.py")
STEADY = ("steady-loop", "steady-thread", "steady-process")
PATIENCE_S = 60


class Program:
    """Instances of `disasters.py` on one store, and what their handlers came to."""

    def __init__(self, folder: Path, ttl_ms: int) -> None:
        self.store = f"sqlite:///{folder}/cronfleet.db"
        self._file = folder / "lines"
        self._file.touch()
        self._log = folder / "log"
        self._ttl_ms = ttl_ms
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        words = [str(DISASTERS), str(self._file), self.store, str(self._ttl_ms)]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *words], stdout=log, stderr=log, start_new_session=True
            )
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def lines(self, job: str) -> list[list[str]]:
        """What the job's handlers told, as words without its name."""
        lines = [line.split() for line in self._file.read_text().splitlines()]
        return [words for name, *words in lines if name == job]

    def told(self, job: str, count: int = 1) -> list[str]:
        """The words of the job's line of that number, when it is there."""
        eventually(lambda: len(self.lines(job)) >= count, PATIENCE_S)
        return self.lines(job)[count - 1]

    def open_gate(self) -> None:
        (self._file.parent / "gate").touch()

    def trigger(self, job: str) -> None:
        self._ask(lambda scheduler: scheduler.trigger(job))

    def run(self, job: str) -> RunInfo:
        (run,) = self._ask(lambda scheduler: scheduler.runs(job))
        return run

    def ended(self, job: str) -> RunInfo:
        """The job's only run, when it has ended."""
        eventually(lambda: self.run(job).ended_at is not None, PATIENCE_S)
        return self.run(job)

    def _ask(self, what: Callable[[Scheduler], Awaitable[Any]]) -> Any:
        async def ask() -> Any:
            scheduler = Scheduler(self.store, program="looker")
            try:
                return await what(scheduler)
            finally:
                await scheduler.aclose()

        return asyncio.run(ask())

    def assert_the_others_go_on(self, *jobs: str) -> None:
        wanted = {job: len(self.lines(job)) + 2 for job in jobs}
        for job, count in wanted.items():
            self.told(job, count)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = Program(tmp_path, ttl_ms=5_000)
    yield program
    program.end()


@pytest.mark.parametrize(
    ("job", "state", "words"),
    [
        ("forks", "succeeded", ""),
        ("exits", "failed", "exited with status 3 before its handler had returned"),
        ("leaves", "failed", "SystemExit: no paper"),
        ("prints", "succeeded", ""),
        ("eats", "failed", "MemoryError"),
        ("swallows", "timed_out", "so its process was killed"),
        ("holds_the_gil", "timed_out", "so its process was killed"),
    ],
)
def test_the_jobs_of_the_same_instance_go_on_and_what_happened_is_told(
    program: Program, job: str, state: str, words: str
) -> None:
    instance = program.start()
    program.told("steady-loop")
    program.trigger(job)
    run = program.ended(job)
    assert (run.state, run.attempt) == (state, 1)
    assert words in run.error
    program.assert_the_others_go_on(*STEADY)
    assert instance.poll() is None
    assert {words[0] for words in program.lines("steady-loop")} == {str(instance.pid)}


@pytest.mark.parametrize("job", ["swallows-for-ever", "holds_the_gil-for-ever"])
def test_the_others_go_on_while_one_takes_its_process_for_itself(
    program: Program, job: str
) -> None:
    program.start()
    program.told("steady-loop")
    program.trigger(job)
    program.told(job)
    program.assert_the_others_go_on("steady-loop", "steady-thread")


@pytest.mark.parametrize("job", ["swallows-for-ever", "holds_the_gil-for-ever"])
def test_with_a_killed_instance_its_processes_die_and_all_that_they_started(
    program: Program, job: str
) -> None:
    instance = program.start()
    program.told("steady-loop")
    program.trigger(job)
    pids = [int(word) for word in program.told(job)]
    assert all(map(is_alive, pids))
    instance.kill()
    eventually(lambda: not any(map(is_alive, pids)), within_s=20)


def test_what_a_terminal_sends_its_group_does_not_reach_a_process_before_the_drain(
    program: Program,
) -> None:
    instance = program.start()
    program.told("steady-loop")
    program.trigger("drains")
    program.told("drains")
    os.killpg(instance.pid, signal.SIGINT)
    assert instance.wait(timeout=60) == 0
    assert program.told("drains", 2) == ["draining"]
    assert program.run("drains").state == "succeeded"


def test_while_its_event_loop_is_blocked_an_instance_keeps_its_session_and_its_processes(
    program: Program,
) -> None:
    """For up to six TTLs; the jobs of the fleet go on with another instance."""
    blocked = program.start()
    program.told("steady-loop")
    program.trigger("works")
    program.told("works")
    program.trigger("blocks_the_loop")
    program.told("blocks_the_loop")
    program.start()
    program.assert_the_others_go_on("works", *STEADY)
    assert len(program.lines("blocks_the_loop")) == 1
    eventually(lambda: "the event loop has stood still" in program.log, PATIENCE_S)
    program.open_gate()
    assert program.ended("blocks_the_loop").state == "succeeded"
    assert program.ended("works").state == "succeeded"
    assert blocked.poll() is None
    assert "in blocks_the_loop, " in program.log
    assert "the event loop moves again" in program.log


def test_what_holds_the_gil_of_its_instance_does_not_keep_the_fleet_from_its_jobs(
    program: Program,
) -> None:
    """In a thread it may cost its instance the session, and nobody else anything."""
    program.start()
    program.told("steady-loop")
    program.trigger("holds_the_gil_for_a_while")
    program.told("holds_the_gil_for_a_while")
    program.start()
    program.assert_the_others_go_on(*STEADY)
    program.open_gate()
    program.told("holds_the_gil_for_a_while", 2)
    run = program.ended("holds_the_gil_for_a_while")
    assert "succeeded" in {run.state, run.late_outcome}
    program.assert_the_others_go_on(*STEADY)
