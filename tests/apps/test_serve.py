"""`cronfleet serve`: a process that shows a fleet, and is none of its instances."""

from __future__ import annotations

from pathlib import Path

import pytest

from cronfleet import RunContext, Scheduler, cron
from cronfleet.cli.running import serve
from cronfleet.errors import ConfigurationError
from tests.apps.processes import Process
from tests.servers import OwnServer

SERVE = ("-m", "cronfleet", "serve")


def report(_: RunContext) -> None:
    """Nobody runs it."""


async def declared(url: str) -> None:
    """A job that an instance, which has left since, brought into the store."""
    scheduler = Scheduler(url, program="shop")
    scheduler.add_job(report, cron("0 0 1 1 *"))
    async with scheduler:
        pass


def until_ready_is(server: Process, status: int) -> None:
    """It asks its store once a second at most; the test's time limit is the only one."""
    while server.ask("/healthz/ready").status_code != status:
        pass


async def test_it_shows_the_fleet_takes_orders_and_runs_nothing(own_redis: OwnServer) -> None:
    await declared(own_redis.url)
    with Process(Path.cwd(), *SERVE, CRONFLEET_STORE=own_redis.url) as server:
        server.until("report")
        assert server.ask("/healthz/ready").text == "OK"
        assert "report" in server.ask("/").text
        made = server.post("/api/v1/jobs/report/trigger", {"why": "a test"}).json()
        assert server.ask("/api/v1/instances").json() == {"instances": []}
        assert server.ask(f"/api/v1/runs/{made['run']}").json()["state"] == "pending"
        assert server.stop() == 0


async def test_it_is_not_ready_while_its_store_is_away(own_redis: OwnServer) -> None:
    await declared(own_redis.url)
    with Process(Path.cwd(), *SERVE, CRONFLEET_STORE=own_redis.url) as server:
        server.until("report")
        own_redis.stop()
        until_ready_is(server, 503)
        assert server.ask("/health-check").text == "OK"
        own_redis.start()
        until_ready_is(server, 200)


def test_it_makes_no_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="there is no store"):
        serve.main([], obj="sqlite:///none.db", standalone_mode=False)
    assert list(tmp_path.iterdir()) == []
