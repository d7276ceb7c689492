"""Processes that contend for a lock, are frozen and killed; the resource is the judge."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.resource import Noted, Resource
from tests.fleet.rig import eventually
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(240)]

WORKER = "tests.fleet.lock_worker"
ROOT = Path(__file__).parents[2]
LONG_MS, MIDDLE_MS, SHORT_MS = 30_000, 6_000, 1_000
SOON_S = 60


class Contenders:
    """Worker processes on one store and one resource."""

    def __init__(self, url: str, resource: Path) -> None:
        self.resource = Resource(resource)
        self._arguments = [url, str(resource)]
        self._fleet = secrets.token_hex(4)
        self.processes: list[subprocess.Popen[str]] = []

    def start(
        self, count: int, ttl_ms: int, tasks: int = 0, threads: int = 0, rounds: int = 0
    ) -> list[subprocess.Popen[str]]:
        numbers = [str(number) for number in (ttl_ms, tasks, threads, rounds)]
        started = [
            subprocess.Popen(
                [sys.executable, "-m", WORKER, *self._arguments, *numbers],
                cwd=ROOT,
                env={**os.environ, "CRONFLEET_FLEET": self._fleet},
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]
        self.processes += started
        return started

    def finish(self) -> list[Noted]:
        """Wait until all have done their rounds."""
        for process in self.processes:
            assert process.wait(200) == 0
        return self.resource.notes

    def end(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def contenders(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Contenders]:
    url = f"sqlite:///{tmp_path}/cronfleet.db"
    if request.param == "redis":
        server: Server = request.getfixturevalue("redis_server")
        url = server.url
    contenders = Contenders(url, tmp_path / "resource")
    yield contenders
    contenders.end()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def visits(notes: list[Noted]) -> list[list[str]]:
    """What each token did, in the order of the first thing that it did."""
    found: dict[int, list[str]] = {}
    for note in notes:
        found.setdefault(note.token, []).append(note.what)
    return list(found.values())


def test_of_fifty_contenders_in_five_processes_there_are_never_two_inside(
    contenders: Contenders,
) -> None:
    contenders.start(5, LONG_MS, tasks=8, threads=2, rounds=4)
    notes = contenders.finish()
    assert visits(notes) == [["enter", "use", "leave"]] * 200
    steps = [note.what for note in notes]
    assert steps == ["enter", "use", "leave"] * 200
    tokens = [note.token for note in notes if note.what == "enter"]
    assert tokens == sorted(set(tokens))


def test_holders_that_are_frozen_past_their_ttl_do_no_harm_to_a_resource_that_checks_tokens(
    contenders: Contenders,
) -> None:
    workers = contenders.start(4, SHORT_MS, tasks=2, threads=1, rounds=25)
    dice, pause = random.Random(1), threading.Event()
    eventually(lambda: bool(contenders.resource.notes), SOON_S)
    for _ in range(8):
        frozen = dice.choice(workers)
        if frozen.poll() is None:
            frozen.send_signal(signal.SIGSTOP)
            pause.wait(SHORT_MS / 1000 * dice.uniform(0.5, 2))
            frozen.send_signal(signal.SIGCONT)
    notes = contenders.finish()
    served = [note for note in notes if note.what != "refused"]
    assert [note.token for note in served] == sorted(note.token for note in served)
    done = [visit for visit in visits(served) if visit == ["enter", "use", "leave"]]
    assert len(done) >= 300


def test_a_frozen_holder_that_wakes_is_told_within_a_renewal_interval(
    contenders: Contenders,
) -> None:
    (frozen,) = contenders.start(1, MIDDLE_MS)
    assert said(frozen) == "held"
    frozen.send_signal(signal.SIGSTOP)
    contenders.start(1, LONG_MS, tasks=1, rounds=1)
    eventually(lambda: any(note.what == "leave" for note in contenders.resource.notes), SOON_S)
    frozen.send_signal(signal.SIGCONT)
    woken = time.monotonic()
    assert said(frozen) == "lost"
    assert time.monotonic() - woken <= MIDDLE_MS / 3 / 1000
    assert said(frozen) == "raised"
    assert contenders.finish()[-1].what == "refused"


def test_when_a_holder_is_killed_the_next_has_it_when_the_ttl_is_over(
    contenders: Contenders,
) -> None:
    (killed,) = contenders.start(1, SHORT_MS)
    assert said(killed) == "held"
    killed.kill()
    contenders.processes.remove(killed)
    killed.communicate()
    contenders.start(2, SHORT_MS, tasks=1, rounds=1)
    assert [note.what for note in contenders.finish()] == ["enter", *["enter", "use", "leave"] * 2]
