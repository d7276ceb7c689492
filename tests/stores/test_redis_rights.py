"""The rights that the documentation gives to a user are enough, and hide nothing that is asked."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cronfleet.testing.samples import granted, joined, report, tick
from tests.conftest import in_use
from tests.redis_servers import find_oldest, tell
from tests.servers import OwnServer, Server, find_binary
from tests.stores.openers import Opener, until

pytestmark = pytest.mark.redis

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "redis.md").read_text(encoding="utf-8")


def documented(pattern: str) -> list[str]:
    found = re.search(pattern, DOCUMENTED)
    assert found is not None
    return found[1].split()


RIGHTS = documented(r"ACL SETUSER cronfleet (.+)")
ON_A_CLUSTER = documented(r"On a cluster it ends with `([^`]+)`")


async def works(url: str, opened: Opener, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is refused, and nothing is hidden."""
    with caplog.at_level(logging.WARNING):
        store = await opened(url)
    assert not caplog.records
    anna = await joined(store, "anna", report(first=1))
    await granted(store, anna, tick(fire_time=1))
    assert not re.search("unknown|cannot be asked", "".join((await store.promise()).lines))


@pytest.mark.parametrize(
    "name",
    ["redis_server", "oldest_redis", pytest.param("valkey_server", marks=pytest.mark.valkey)],
)
async def test_the_documented_rights_are_enough(
    request: pytest.FixtureRequest, name: str, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    fixture = request.getfixturevalue(name)
    server: Server = getattr(fixture, "data", [fixture])[0]
    assert tell(server, "ACL", "SETUSER", "documented", *RIGHTS) == b"+OK\r\n"
    url = f"redis://documented:password@{server.host}:{server.port}/0"
    await works(url, opened, caplog)


@pytest.fixture(params=[find_oldest, lambda: find_binary("redis")], ids=["oldest", "redis"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OwnServer]:
    """All of a cluster."""
    options = ("--cluster-enabled", "yes")
    with in_use(request.config, lambda: OwnServer(request.param(), tmp_path, *options)) as server:
        tell(server, "CLUSTER", "ADDSLOTS", *range(16_384))
        yield server


async def test_the_documented_rights_are_enough_on_a_cluster(
    node: OwnServer, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    await until(lambda: b"cluster_state:ok" in tell(node, "CLUSTER", "INFO"))
    rights = [*RIGHTS, *ON_A_CLUSTER]
    assert tell(node, "ACL", "SETUSER", "documented", *rights) == b"+OK\r\n"
    await works(f"redis+cluster://documented:password@{node.host}:{node.port}", opened, caplog)
