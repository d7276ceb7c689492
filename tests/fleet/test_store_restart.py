"""A server restarted with its data: the instances wait, say so, and go on."""

from __future__ import annotations

import socket

import pytest

from tests.fleet.rig import Fleet, eventually
from tests.fleet.test_fleet import TTL_MS, accounted_seconds, assert_started_once
from tests.postgres_servers import OwnPostgres
from tests.servers import OwnServer

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]


class Said:
    """What the instances wrote to standard error."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self._text = ""

    def has(self, words: str) -> bool:
        self._text += self._capfd.readouterr().err
        return words in self._text


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_instances_wait_for_a_store_that_is_away_and_go_on(
    request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    server: OwnServer | OwnPostgres = request.getfixturevalue(f"own_{kind}")
    said = Said(capfd)
    with Fleet(server.url, TTL_MS, "steady=0") as fleet:
        fleet.start(2)
        (before,) = fleet.entered("steady", 1, within_s=10)
        server.stop()
        eventually(lambda: said.has("waiting for the store"), within_s=10)
        server.start()
        eventually(lambda: said.has("the store is back"), within_s=10)
        after = fleet.entered("steady", 3, within_s=15)[-1]
        assert after.fire_time > before.fire_time
        assert_started_once(fleet.drain())
    seconds = accounted_seconds(server.url, "steady")
    assert seconds == list(range(seconds[0], seconds[-1] + 1))


@pytest.mark.redis
def test_a_store_that_was_emptied_stops_the_claims_with_an_alarm(
    own_redis: OwnServer, capfd: pytest.CaptureFixture[str]
) -> None:
    said = Said(capfd)
    with Fleet(own_redis.url, TTL_MS, "steady=0") as fleet:
        fleet.start(1)
        fleet.entered("steady", 1, within_s=10)
        with socket.create_connection((own_redis.host, own_redis.port)) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(5) == b"+OK\r\n"
        eventually(lambda: said.has("claiming stopped: the store is not the one"), within_s=10)
