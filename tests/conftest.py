"""What all tests share: asyncio as the event loop, a clean environment, real servers."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from tests.postgres_servers import (
    OwnPooler,
    OwnPostgres,
    Postgres,
    find_programs,
    given_or_own_postgres,
    wheel_programs,
)
from tests.redis_servers import Cluster, Group, Replicated, TlsServer, Watched, find_oldest
from tests.servers import (
    OwnServer,
    Server,
    ServerUnavailableError,
    find_binary,
    given_or_own,
    quick_place,
)

settings.register_profile("cronfleet", deadline=None)  # a busy machine is no failure
settings.load_profile("cronfleet")

SETTINGS = re.compile(
    "(ALERT|AWS|CANARY|CRON|CRONFLEET|EMAIL|NOTICES|PASSWORD|PING|QUIET|REDIS|REMIND|SENDGRID|SENTRY|SES|SMTP|USERS)_.*"
    "|DRY_RUN|HOST|MAIL_SENDER|MAILBOX_DIR|MAILS_PER_[A-Z]+|MAX_MAILS_PER_RUN|METRICS|PG[A-Z]+|PORT"
)
SERVERS_USED = pytest.StashKey[set[str]]()
AnyServer = TypeVar("AnyServer", bound=Server | Group | Postgres | OwnPooler)
Got = TypeVar("Got")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-servers",
        action="store_true",
        default=bool(os.environ.get("CI")),
        help="a server that cannot be had is a failure, not a reason to skip (as with CI=true)",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for server in sorted(terminalreporter.config.stash.get(SERVERS_USED, set[str]())):
        terminalreporter.write_line(server)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in os.environ:
        if SETTINGS.fullmatch(name) and not name.startswith("CRONFLEET_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """Like `tmp_path`, where files are written at once, if there is such a place: not on a disk."""
    with tempfile.TemporaryDirectory(prefix="cronfleet-", dir=quick_place()) as folder:
        yield Path(folder)


def in_use_as(config: pytest.Config, get: Callable[[], Got]) -> Got:
    """What is had; else a skip by name, or a failure where all servers are required."""
    try:
        return get()
    except ServerUnavailableError as error:
        pytest.fail(str(error)) if config.getoption("--require-servers") else pytest.skip(
            str(error)
        )


@contextmanager
def in_use(config: pytest.Config, get: Callable[[], AnyServer]) -> Generator[AnyServer]:
    server = in_use_as(config, get)
    config.stash.setdefault(SERVERS_USED, set()).add(str(server))
    yield server
    if isinstance(server, OwnServer | Group | OwnPostgres | OwnPooler):
        server.stop()


@pytest.fixture(scope="session")
def redis_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A Redis that all tests share: keep to keys of your own, and leave it running."""
    folder = tmp_path_factory.mktemp("redis")
    with in_use(pytestconfig, lambda: given_or_own("redis", folder)) as server:
        yield server


@pytest.fixture(scope="session")
def valkey_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A Valkey that all tests share: keep to keys of your own, and leave it running."""
    folder = tmp_path_factory.mktemp("valkey")
    with in_use(pytestconfig, lambda: given_or_own("valkey", folder)) as server:
        yield server


@pytest.fixture
def own_redis(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[OwnServer]:
    """A Redis for this test alone, to stop, restart and freeze."""
    with in_use(pytestconfig, lambda: OwnServer(find_binary("redis"), tmp_path)) as server:
        yield server


@pytest.fixture
def own_valkey(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[OwnServer]:
    """A Valkey for this test alone, to stop, restart and freeze."""
    with in_use(pytestconfig, lambda: OwnServer(find_binary("valkey"), tmp_path)) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[Postgres]:
    """The machine's PostgreSQL, which all tests share: keep to fleets of your own."""
    with in_use(pytestconfig, given_or_own_postgres) as server:
        yield server


@pytest.fixture(scope="session")
def tls_redis(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsServer]:
    """A Redis behind TLS, which all tests share."""
    folder = tmp_path_factory.mktemp("tls")
    with in_use(pytestconfig, lambda: TlsServer(find_binary("redis"), folder)) as server:
        yield server


@pytest.fixture(scope="session")
def newest_postgres_server(pytestconfig: pytest.Config) -> Iterator[OwnPostgres]:
    """The wheel's PostgreSQL, which all tests share: keep to fleets of your own."""
    with in_use(pytestconfig, lambda: OwnPostgres(wheel_programs())) as server:
        yield server


@pytest.fixture(scope="session")
def pooler(pytestconfig: pytest.Config, newest_postgres_server: OwnPostgres) -> Iterator[OwnPooler]:
    """A PgBouncer before the wheel's PostgreSQL."""
    with in_use(pytestconfig, lambda: OwnPooler(newest_postgres_server)) as server:
        yield server


@pytest.fixture
def own_postgres(pytestconfig: pytest.Config) -> Iterator[OwnPostgres]:
    """A PostgreSQL for this test alone, to stop, restart and freeze."""
    with in_use(pytestconfig, lambda: OwnPostgres(find_programs())) as server:
        yield server
        server.remove()


@pytest.fixture(scope="session")
def watched_redis(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    """A Redis under Sentinel, which all tests share: leave all of it running."""
    folder = tmp_path_factory.mktemp("watched")
    with in_use(pytestconfig, lambda: Watched(find_binary("redis"), folder)) as servers:
        yield servers


@pytest.fixture
def own_watched(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Watched]:
    """A Redis under Sentinel for this test alone, to stop any part of it."""
    with in_use(pytestconfig, lambda: Watched(find_binary("redis"), tmp_path)) as servers:
        yield servers


@pytest.fixture(scope="session")
def redis_cluster(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A cluster of three primaries, which all tests share; a slot may be moved."""
    folder = tmp_path_factory.mktemp("cluster")
    with in_use(pytestconfig, lambda: Cluster(find_binary("redis"), folder)) as servers:
        yield servers


@pytest.fixture(scope="session")
def oldest_redis(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicated]:
    """The oldest Redis that is supported, with a replica, which all tests share."""
    folder = tmp_path_factory.mktemp("oldest")
    with in_use(pytestconfig, lambda: Replicated(find_oldest(), folder)) as servers:
        yield servers
