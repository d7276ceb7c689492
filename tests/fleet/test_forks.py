"""Processes that are forked off an instance, as web servers and multiprocessing do it."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cronfleet import InstanceInfo, Scheduler
from tests.postgres_servers import Postgres
from tests.servers import DIE_WITH_PARENT, Server

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

PROGRAM = Path(__file__).with_name("forking.py")


@pytest.fixture(params=["sqlite", "redis", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRONFLEET_FLEET", secrets.token_hex(4))
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronfleet.db"
    server: Server | Postgres = request.getfixturevalue(f"{request.param}_server")
    return server.url


def said(scenario: str, store: str) -> list[Any]:
    """What the program says, which must end in order. Newer Pythons warn of any fork."""
    command = [*DIE_WITH_PARENT, sys.executable, "-W", "ignore", PROGRAM, scenario, store]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_forked_process_is_no_instance_says_so_and_may_order(store: str) -> None:
    (told,) = said("looks", store)
    assert "unless start() is called in it" in told.pop("detail")
    assert told == {
        "threads": [],
        "instances": 1,
        "same session": True,
        "only the parent runs": True,
    }


def test_a_forked_process_has_no_connection_of_its_parents(store: str) -> None:
    assert said("has_nothing", store) == [{"parent has": True, "child has": []}]


def test_a_forked_process_becomes_an_instance_of_its_own_when_it_is_started(store: str) -> None:
    (told,) = said("starts", store)
    assert told["each once"]


def test_forks_in_the_middle_of_its_work_harm_nothing(store: str) -> None:
    assert said("many", store) == [{"faults": 0, "ready": True}]


def test_a_handler_may_have_its_work_done_by_forked_processes(store: str) -> None:
    assert said("pools", store) == [{"said": [[1, 2, 3]] * 2, "ready": True}]


def test_what_is_made_before_a_fork_can_be_started_after_it(store: str) -> None:
    here = "this is no instance at work"
    assert said("before", store) == [{"ran there": True, "then there": True, "here": here}]


def test_of_threads_that_start_it_at_once_one_does(store: str) -> None:
    assert said("twice", store) == [{"told": 3, "instances": 1}]


def test_a_program_that_ends_drains_first(store: str) -> None:
    works, finished = said("ends", store)
    assert (works, finished) == ({"works": True}, "finished")
    assert asyncio.run(instances(store)) == []


async def instances(store: str) -> list[InstanceInfo]:
    scheduler = Scheduler(store)
    try:
        return await scheduler.instances()
    finally:
        await scheduler.aclose()
