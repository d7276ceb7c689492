"""Ticks handed to queues, each with a real worker and a Redis between."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cronfleet import RunInfo, Scheduler
from cronfleet.integrations.rq import rq_job_id
from tests.apps.processes import Process
from tests.fleet.rig import eventually
from tests.integrations.examples import printed
from tests.redis_servers import tell
from tests.servers import OwnServer

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

TASKS = Path(__file__).with_name("tasks")
PUBLISHER = str(TASKS / "publisher.py")
WORKERS = {
    "celery": ["celery", "-A", "for_celery", "worker", "--concurrency", "2"],
    "dramatiq": ["dramatiq", "for_dramatiq", "--processes", "1", "--threads", "2"],
    "rq": ["rq.cli", "worker", "--url"],
    "taskiq": ["taskiq", "worker", "for_taskiq:broker", "--workers", "1"],
}
TIMES = {"celery": 2, "dramatiq": 2, "rq": 1, "taskiq": 2}
"""How often a run that is published twice is carried out; docs/integrations.md says the same."""
ONE, TWO = "report@1764288000000", "report@1764288001000"


class Queue:
    """A queue with a worker, and what that has done."""

    def __init__(self, kind: str, server: OwnServer, folder: Path) -> None:
        self.kind = kind
        self._server = server
        self._folder = folder

    def worker(self) -> Process:
        url = [self._server.url] if self.kind == "rq" else []
        return Process(self._folder, "-m", *WORKERS[self.kind], *url)

    def publish(self, *run_ids: str) -> None:
        command = [sys.executable, PUBLISHER, self.kind, *run_ids]
        subprocess.run(command, cwd=self._folder, check=True)

    def task_id(self, run_id: str) -> str:
        return rq_job_id(run_id) if self.kind == "rq" else run_id

    @property
    def effects(self) -> list[tuple[str, dict[str, str]]]:
        """The tasks that were carried out: id and arguments."""
        reply = tell(self._server, "LRANGE", "effects", 0, -1).decode()
        return [tuple(json.loads(line)) for line in reply.splitlines() if line.startswith("[")]

    def until_done(self, count: int) -> Counter[str]:
        eventually(lambda: len(self.effects) >= count, within_s=60)
        return Counter(task_id for task_id, _ in self.effects)


@pytest.fixture(autouse=True)
def environment(own_redis: OwnServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_URL", own_redis.url)
    monkeypatch.setenv("CRONFLEET_STORE", f"sqlite:///{tmp_path}/cronfleet.db")
    monkeypatch.setenv("PYTHONPATH", str(TASKS))


@pytest.fixture(params=WORKERS)
def task_queue(request: pytest.FixtureRequest, own_redis: OwnServer, tmp_path: Path) -> Queue:
    return Queue(request.param, own_redis, tmp_path)


def runs_of(job: str) -> list[RunInfo]:
    looker = Scheduler(program="looker")
    try:
        return looker.call(looker.runs(job, limit=100))
    finally:
        looker.stop()


def test_each_tick_is_one_task_whose_id_is_the_runs(task_queue: Queue, tmp_path: Path) -> None:
    publishing = [PUBLISHER, task_queue.kind]
    with task_queue.worker():
        with Process(tmp_path, *publishing) as one, Process(tmp_path, *publishing) as two:
            task_queue.until_done(3)
            assert (one.stop(), two.stop()) == (0, 0)
        runs = runs_of("report")
        done = task_queue.until_done(len(runs))
    assert {run.state for run in runs} == {"succeeded"}
    assert done == {task_queue.task_id(run.id): 1 for run in runs}
    assert all(arguments == {"name": "Anna"} for _, arguments in task_queue.effects)


def test_a_run_that_is_published_twice_is_one_task_only_where_the_queue_sees_to_it(
    task_queue: Queue,
) -> None:
    times = TIMES[task_queue.kind]
    with task_queue.worker():
        task_queue.publish(ONE, ONE, TWO)
        done = task_queue.until_done(times + 1)
    assert done == {task_queue.task_id(ONE): times, task_queue.task_id(TWO): 1}
    told_of_their_runs = {"name": "Anna, 03 h"}
    assert all(arguments == told_of_their_runs for _, arguments in task_queue.effects)


@pytest.mark.parametrize("task_queue", ["rq"], indirect=True)
def test_rq_refuses_a_run_that_was_carried_out_a_while_ago(task_queue: Queue) -> None:
    with task_queue.worker():
        task_queue.publish(ONE)
        task_queue.until_done(1)
        task_queue.publish(ONE, TWO)
        assert task_queue.until_done(2) == {rq_job_id(ONE): 1, rq_job_id(TWO): 1}


def test_different_runs_have_different_ids_in_rq() -> None:
    names = ["a_b", "a__b", "a.b", "a/b", "a-b", "a:b", "a_2eb", "a@b", "A.b", "a+b"]
    ids = {rq_job_id(name) for name in names}
    assert len(ids) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9_-]+", each) for each in ids)


def test_the_celery_example_has_one_task_a_tick(tmp_path: Path) -> None:
    work, schedule = (printed("celery_app.py", line) for line in range(2))
    with Process(tmp_path, *work) as worker:
        with Process(tmp_path, *schedule) as one, Process(tmp_path, *schedule) as two:
            for _ in range(3):
                worker.until("hello Anna, from task greet@")
            assert (one.stop(), two.stop()) == (0, 0)
        runs = runs_of("greet")
        while len(greeted(worker)) < len(runs):
            worker.until("hello Anna, from task greet@")
    assert greeted(worker) == {run.id: 1 for run in runs}


def greeted(worker: Process) -> Counter[str]:
    return Counter(re.findall(r"from task (greet@\d+)", "".join(worker.said)))
