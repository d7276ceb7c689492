"""The supervisor's rules, on programs that know nothing of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.processes import Process, Program, Supervisor, last_lines
from tests.chaos.wall_clock import WallClock, forget_the_dead
from tests.conftest import in_use_as
from tests.fleet.rig import eventually

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(60)]

TELLS_THE_TIME = "import time\nwhile True: print(time.time(), flush=True); time.sleep(0.05)"
ENDS = "raise SystemExit(3)"


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor(restart_after_s=0.1) as supervisor:
        yield supervisor


def python(code: str, log: Path) -> Program:
    return Program((sys.executable, "-c", code), log)


def at_work(supervisor: Supervisor, program: Program) -> Process:
    process = supervisor.run("program", program)
    eventually(lambda: program.log.exists() and program.log.stat().st_size > 0, within_s=20)
    return process


def test_what_is_killed_is_started_again_and_a_kill_that_finds_nobody_does_not_count(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    process = at_work(supervisor, python(TELLS_THE_TIME, tmp_path / "log"))
    supervisor.let_go(process)
    assert process.kill()
    assert not process.kill()
    assert process.pid == 0
    supervisor.keep(process)
    eventually(lambda: process.pid != 0, within_s=20)
    assert (process.starts, process.restarts) == (2, 1)


def test_what_ends_by_itself_is_started_again_and_told_apart(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    process = supervisor.run("program", python(ENDS, tmp_path / "log"))
    eventually(lambda: len(process.ends) >= 2, within_s=20)
    assert {(end.status, end.by_us) for end in process.ends} == {(3, False)}


def test_a_frozen_program_stands_still_until_it_is_thawed(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    process = at_work(supervisor, python(TELLS_THE_TIME, log))
    assert process.freeze()
    assert not process.freeze()
    said = last_lines(log)
    assert last_lines(log) == said
    assert process.thaw()
    eventually(lambda: last_lines(log) != said, within_s=20)


def test_a_frozen_program_that_is_asked_to_end_ends(supervisor: Supervisor, tmp_path: Path) -> None:
    process = at_work(supervisor, python(TELLS_THE_TIME, tmp_path / "log"))
    process.freeze()
    supervisor.let_go(process)
    assert process.terminate()
    eventually(process.has_ended, within_s=20)
    assert [(end.status, end.by_us) for end in process.ends] == [(-signal.SIGTERM, True)]


def test_the_wall_clock_of_a_program_is_set_while_it_works(
    supervisor: Supervisor, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    clock = in_use_as(pytestconfig, lambda: WallClock(tmp_path / "clock"))
    log = tmp_path / "log"
    command = (sys.executable, "-c", TELLS_THE_TIME)
    process = at_work(supervisor, Program(command, log, clock.worn_by(os.environ)))

    def shown_off_s() -> float:
        return float(last_lines(log, 1)) - time.time()

    assert abs(shown_off_s()) < 600
    clock.set(-7_200)
    eventually(lambda: shown_off_s() < -3_600, within_s=20)
    clock.set(7_200)
    eventually(lambda: shown_off_s() > 3_600, within_s=20)
    supervisor.let_go(process)
    process.kill()
    forget_the_dead()
