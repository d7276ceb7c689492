"""A MariaDB for the application's two databases: the one that the environment names, or our own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine

from tests.apps.programs import Serving, program
from tests.servers import ServerUnavailableError, free_port

VARIABLE = "CRONFLEET_TEST_MARIADB_URL"

_OF = "MariaDB"
_QUICK = (
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-log-file-size=8M",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--sync-frm=0",
    "--default-time-zone=-05:00",  # No value is to be right only where clocks show UTC.
)


@contextmanager
def given_or_own_mariadb() -> Generator[str]:
    """The URL of a server, without a database. Raises ServerUnavailableError."""
    if given := os.environ.get(VARIABLE):
        yield given.rstrip("/")
        return
    with TemporaryDirectory(prefix="cronfleet-mariadb-") as folder:
        yield from _serve(Path(folder))


def statements(url: str, *each: str) -> None:
    """Carry out statements of any kind, each in a transaction of its own, on one connection."""
    engine = create_engine(
        url.replace("mysql://", "mysql+pymysql://"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        for statement in each:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _serve(folder: Path) -> Generator[str]:
    port, data = free_port(), folder / "data"
    as_root = ("--user=root",) if os.geteuid() == 0 else ()
    place = ("--no-defaults", f"--datadir={data}", *as_root)
    made = subprocess.run(
        [
            *(program("mariadb-install-db", _OF), *place),
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise ServerUnavailableError(f"mariadb-install-db fails: {made.stdout}{made.stderr}")
    own = (f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}")
    command = (program("mariadbd", _OF), *place, *own, f"--pid-file={folder / 'pid'}", *_QUICK)
    server = Serving(command, port, folder / "log")
    try:
        yield f"mysql://root@127.0.0.1:{port}"
    finally:
        server.kill()
