"""The examples with web servers, as their first lines say that they are started."""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from cronfleet import GapInfo, InstanceInfo, RunInfo, Scheduler
from tests.apps.processes import Process
from tests.fleet.rig import eventually
from tests.integrations.examples import printed
from tests.servers import Server, free_port

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

SECOND = timedelta(seconds=1)


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRONFLEET_FLEET", secrets.token_hex(4))
    server: Server | None = None
    if request.param == "redis":
        server = request.getfixturevalue("redis_server")
    url = server.url if server else f"sqlite:///{tmp_path}/cronfleet.db"
    monkeypatch.setenv("CRONFLEET_STORE", url)
    monkeypatch.setenv("HOME", str(tmp_path))  # Where gunicorn puts its control socket.
    return url


class Fleet:
    """What the store has on record, as seen from outside."""

    def __init__(self, store: str, job: str = "greet") -> None:
        self._scheduler = Scheduler(store, program="looker")
        self.job = job

    @property
    def instances(self) -> list[InstanceInfo]:
        return self._scheduler.call(self._scheduler.instances())

    def has_at_work(self, count: int) -> bool:
        """So many have joined, and somebody has declared the job, which comes after that."""
        jobs = self._scheduler.call(self._scheduler.jobs())
        return len(self.instances) == count and self.job in {job.name for job in jobs}

    @property
    def runs(self) -> list[RunInfo]:
        return self._scheduler.call(self._scheduler.runs(self.job, limit=200))

    @property
    def gaps(self) -> list[GapInfo]:
        return self._scheduler.call(self._scheduler.gaps(self.job))

    def close(self) -> None:
        self._scheduler.stop()


@pytest.fixture
def fleet(store: str) -> Iterator[Fleet]:
    fleet = Fleet(store)
    yield fleet
    fleet.close()


def assert_one_run_a_tick(fleet: Fleet, said: list[str]) -> None:
    """Each second has one run, or a gap: one that is due before the last has ended is skipped."""
    ticks = [run.fire_time for run in fleet.runs if run.kind == "tick"]
    gaps = [gap.first + SECOND * n for gap in fleet.gaps for n in range(gap.count)]
    seconds = sorted(ticks + gaps)
    assert seconds == [seconds[0] + SECOND * n for n in range(len(seconds))]
    assert {run.state for run in fleet.runs} == {"succeeded"}
    greetings = Counter(re.findall(rf"{fleet.job} (\S+)", "".join(said)))
    assert {tick.isoformat() for tick in ticks} <= greetings.keys()
    assert set(greetings.values()) == {1}


def assert_django_orders(base: str, instance: Process) -> None:
    """A view orders a run, whose handler finds what another view has written."""
    assert httpx.post(f"{base}/orders", timeout=30).json() == {"open": 1}
    instance.until(" 1 open")
    httpx.post(f"{base}/orders/close", timeout=30).raise_for_status()
    instance.until(" 0 open")
    assert httpx.get(f"{base}/orders", timeout=30).json() == {"open": 0}


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
    command = printed("one_file.py")
    with Process(tmp_path, *command) as one, Process(tmp_path, *command) as two:
        eventually(lambda: fleet.has_at_work(2), within_s=30)
        eventually(lambda: len(fleet.runs) >= 3, within_s=30)
        assert (one.stop(), two.stop()) == (0, 0)
    assert fleet.instances == []
    assert_one_run_a_tick(fleet, one.said + two.said)


def test_fastapi_works_while_its_workers_serve(tmp_path: Path, store: str, fleet: Fleet) -> None:
    port = free_port()
    with Process(tmp_path, *printed("fastapi_app.py"), "--port", str(port)) as server:
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
    address = f"127.0.0.1:{free_port()}"
    with Process(tmp_path, *printed("flask_app.py"), "--bind", address) as server:
        until_greeted(server, 2)
        eventually(lambda: len(fleet.instances) == 4, within_s=30)
        assert_orders(f"http://{address}", fleet)
        server.signal(signal.SIGHUP)  # All workers are replaced.
        until_greeted(server, 4)
        assert server.stop() == 0
    assert fleet.instances == []
    assert_one_run_a_tick(fleet, server.said)


def test_a_django_site_has_one_run_a_tick_and_its_views_may_order(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    migrate, work, serve = (printed("django_site/manage.py", line) for line in range(3))
    check = [*migrate[:1], "makemigrations", "--check"]
    for command in (migrate, check):
        subprocess.run([sys.executable, *command], check=True, cwd=tmp_path)
    address = f"127.0.0.1:{free_port()}"
    fleet = Fleet(store, "count_orders")
    with (
        Process(tmp_path, *serve, "--bind", address),
        Process(tmp_path, *work) as one,
        Process(tmp_path, *work) as two,
    ):
        eventually(lambda: fleet.has_at_work(2), within_s=30)
        eventually(lambda: len(fleet.runs) >= 3, within_s=30)
        assert one.stop() == 0
        assert_django_orders(f"http://{address}", two)
        assert two.stop() == 0
    assert fleet.instances == []
    assert_one_run_a_tick(fleet, one.said + two.said)
    fleet.close()
