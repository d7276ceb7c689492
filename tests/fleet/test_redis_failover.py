"""The primary is killed in the middle of a thousand ticks, and Sentinel makes another one."""

from __future__ import annotations

import secrets

import pytest

from tests.fleet.rig import Fleet, eventually
from tests.fleet.test_fleet import TTL_MS, assert_started_once
from tests.fleet.test_store_restart import Said
from tests.redis_servers import Watched, tell
from tests.servers import Server

pytestmark = [pytest.mark.fleet, pytest.mark.redis, pytest.mark.timeout(180)]

TICKS = 1_000
JOBS = [f"job{number}=0" for number in range(80)]


@pytest.fixture(autouse=True)
def fleet_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRONFLEET_FLEET", secrets.token_hex(4))


def enter(fleet: Fleet, count: int) -> None:
    """Wait for so many more ticks, of any job."""
    entered = fleet.until(lambda effect: effect.what == "entered", within_s=90)
    for _ in range(count):
        next(entered)


def count_keys(server: Server) -> int:
    return int(tell(server, "DBSIZE")[1:])


def promoted(servers: Watched, killed: int) -> bool:
    return servers.primary.port != killed


def test_with_durability_wait_no_tick_is_started_twice_over_a_failover_that_loses_writes(
    own_watched: Watched,
) -> None:
    """The replicas hear nothing of the last moments, so whoever is promoted knows nothing of them."""
    primary, replicas = own_watched.primary, own_watched.replicas
    with Fleet(f"{own_watched.url}?durability=wait", TTL_MS, *JOBS) as fleet:
        fleet.start(3)
        enter(fleet, TICKS // 3)
        for replica in replicas:
            replica.freeze()
        known = count_keys(primary)
        eventually(lambda: count_keys(primary) >= known + 20, within_s=10)  # Runs, claimed now.
        primary.stop()
        for replica in replicas:
            replica.thaw()
        eventually(lambda: promoted(own_watched, primary.port), within_s=30)
        primary.start()  # It is waited for, since it may be promoted again.
        enter(fleet, TICKS - TICKS // 3)
        assert_started_once(fleet.drain())


def test_without_it_the_fleet_goes_on_with_the_new_primary_alone(own_watched: Watched) -> None:
    """A tick whose claim was acknowledged and lost may run again: no more is promised."""
    primary = own_watched.primary
    with Fleet(own_watched.url, TTL_MS, *JOBS) as fleet:
        fleet.start(2)
        enter(fleet, TICKS // 3)
        primary.stop()
        enter(fleet, TICKS - TICKS // 3)
        assert promoted(own_watched, primary.port)


def test_instances_wait_while_no_primary_is_elected_and_go_on(
    own_watched: Watched, capfd: pytest.CaptureFixture[str]
) -> None:
    said = Said(capfd)
    with Fleet(own_watched.url, TTL_MS, "steady=0") as fleet:
        fleet.start(2)
        fleet.entered("steady", 1, within_s=20)
        for server in own_watched.data:
            server.stop()
        eventually(lambda: said.has("waiting for the store"), within_s=20)
        eventually(own_watched.is_lost, within_s=20)
        own_watched.data[0].start()
        eventually(lambda: said.has("the store is back"), within_s=30)
        fleet.entered("steady", 3, within_s=30)
        assert_started_once(fleet.drain())
        assert all(process.poll() is None for process in fleet.processes.values())
