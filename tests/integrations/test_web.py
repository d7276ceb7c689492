"""The examples with web servers, as their first lines say that they are started."""

from __future__ import annotations

import re
import secrets
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from cronfleet import GapInfo, InstanceInfo, RunInfo, Scheduler
from tests.apps.processes import Process
from tests.fleet.rig import eventually
from tests.servers import Server, free_port

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

EXAMPLES = Path(__file__).parents[2] / "examples"
SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRONFLEET_FLEET", secrets.token_hex(4))
    server: Server | None = None
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
    url = server.url if server else f"sqlite:///{tmp_path}/cronfleet.db"
    monkeypatch.setenv("CRONFLEET_STORE", url)
    return url


class Fleet:
    """What the store has on record, as seen from outside."""

    def __init__(self, store: str) -> None:
        self._scheduler = Scheduler(store, program="looker")

    @property
    def instances(self) -> list[InstanceInfo]:
        return self._scheduler.call(self._scheduler.instances())

    @property
    def runs(self) -> list[RunInfo]:
        return self._scheduler.call(self._scheduler.runs("greet", limit=200))

    @property
    def gaps(self) -> list[GapInfo]:
        return self._scheduler.call(self._scheduler.gaps("greet"))

    def close(self) -> None:
        self._scheduler.stop()


@pytest.fixture
def fleet(store: str) -> Iterator[Fleet]:
    fleet = Fleet(store)
    yield fleet
    fleet.close()


def greetings(said: list[str]) -> Counter[str]:
    """How often the handler spoke for each fire time."""
    return Counter(re.findall(r"greet (\S+)", "".join(said)))


def assert_one_run_a_tick(fleet: Fleet, said: list[str]) -> None:
    """Each second has one run, or a gap: one that is due before the last has ended is skipped."""
    ticks = [run.fire_time for run in fleet.runs if run.kind == "tick"]
    gaps = [gap.first + SECOND * n for gap in fleet.gaps for n in range(gap.count)]
    seconds = sorted(ticks + gaps)
    assert seconds == [seconds[0] + SECOND * n for n in range(len(seconds))]
    assert {run.state for run in fleet.runs} == {"succeeded"}
    greetings = Counter(re.findall(r"greet (\S+)", "".join(said)))
    assert {tick.isoformat() for tick in ticks} <= greetings.keys()
    assert set(greetings.values()) == {1}


def until_greeted(server: Process, times: int) -> None:
    for _ in range(times):
        server.until("greet 20")


def assert_orders(base: str, fleet: Fleet) -> None:
    """A view orders a run and shows what became of it."""
    run = httpx.post(f"{base}/greet", timeout=30).json()["run"]
    eventually(lambda: f"{run} manual succeeded" in httpx.get(f"{base}/runs").json(), within_s=30)
    assert run in {each.id for each in fleet.runs}


def test_one_file_runs_in_as_many_processes_as_you_like(
    tmp_path: Path, store: str, fleet: Fleet
) -> None:
    program = str(EXAMPLES / "one_file.py")
    with Process(tmp_path, program) as one, Process(tmp_path, program) as two:
        eventually(lambda: len(fleet.instances) == 2, within_s=30)
        eventually(lambda: len(fleet.runs) >= 3, within_s=30)
        assert (one.stop(), two.stop()) == (0, 0)
    assert fleet.instances == []
    assert_one_run_a_tick(fleet, one.said + two.said)


def test_fastapi_works_while_its_workers_serve(tmp_path: Path, store: str, fleet: Fleet) -> None:
    port = free_port()
    command = ["-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", str(port), "--workers", "2"]
    with Process(tmp_path, *command, "fastapi_app:app") as server:
        until_greeted(server, 2)
        eventually(lambda: len(fleet.instances) == 2, within_s=30)
        assert_orders(f"http://127.0.0.1:{port}", fleet)
        until_greeted(server, 2)
        assert server.stop() == 0
    assert fleet.instances == []
    assert_one_run_a_tick(fleet, server.said)


def test_flask_behind_four_workers_has_one_run_a_tick(
    tmp_path: Path, store: str, fleet: Fleet
) -> None:
    port = free_port()
    command = ["-m", "gunicorn", "--pythonpath", str(EXAMPLES), "--bind", f"127.0.0.1:{port}"]
    settings = ["--config", str(EXAMPLES / "gunicorn.conf.py")]
    with Process(tmp_path, *command, *settings, "flask_app:app") as server:
        until_greeted(server, 2)
        eventually(lambda: len(fleet.instances) == 4, within_s=30)
        assert_orders(f"http://127.0.0.1:{port}", fleet)
        server.signal(signal.SIGHUP)  # All workers are replaced.
        until_greeted(server, 4)
        assert server.stop() == 0
    assert fleet.instances == []
    assert_one_run_a_tick(fleet, server.said)
