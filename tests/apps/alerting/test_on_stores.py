"""Alerts on real stores: what was told is remembered there."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from cronfleet import RunContext, Scheduler
from cronfleet.apps.alerting import JOB, register
from tests.postgres_servers import Postgres
from tests.servers import Server
from tests.unit.apps.alerting.test_alerting import Ear
from tests.unit.cli.commands import NEVER
from tests.unit.server.sites import ended_run


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("postgres", marks=pytest.mark.postgres),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cronfleet.db"
    server: Server | Postgres = request.getfixturevalue(f"{request.param}_server")
    return server.url


async def test_a_program_that_starts_again_tells_nothing_twice(url: str) -> None:
    fleet, ear = secrets.token_hex(4), Ear()

    async def fail(_: RunContext) -> None:
        raise RuntimeError("the printer is on fire")

    for _ in range(2):
        scheduler = Scheduler(url, program="test", fleet=fleet)
        scheduler.add_job(fail, NEVER, "broken")
        register(scheduler, [ear])
        async with scheduler:
            if not ear.heard:
                await ended_run(scheduler, "broken")
            assert (await ended_run(scheduler, JOB)).state == "succeeded"
            assert (await ended_run(scheduler, JOB)).state == "succeeded"
    assert ear.begun.count("broken failed") == 1
    assert "broken failed" not in ear.over
