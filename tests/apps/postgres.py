"""A PostgreSQL of our own for the application's two databases, where one is to be had."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, text

from tests.servers import DIE_WITH_PARENT, ServerUnavailableError, free_port


@contextmanager
def own_postgres() -> Generator[str]:
    """The URL of a database named `postgres` in it. Raises ServerUnavailableError."""
    # Not in a test's own folder: nobody else may look into those.
    with TemporaryDirectory(prefix="cronfleet-postgres-") as folder:
        yield from _serve(Path(folder))


def _serve(folder: Path) -> Generator[str]:
    as_user = _as_somebody(folder)
    data, port = folder / "data", free_port()
    _run(*as_user, _program("initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
    settings = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off".split()
    server = subprocess.Popen(
        [*as_user, *DIE_WITH_PARENT, _program("postgres"), "-D", data, *settings],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    for line in server.stderr:
        if "ready to accept connections" in line:
            break
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


def statements(url: str, *each: str) -> None:
    """Carry out statements of any kind, each in a transaction of its own."""
    engine = create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"),
        isolation_level="AUTOCOMMIT",
        connect_args={"client_encoding": "utf8"},
    )
    with engine.connect() as connection:
        for statement in each:
            connection.execute(text(statement))
    engine.dispose()


def _program(name: str) -> str:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = shutil.which(name) or (str(debian[-1]) if debian else None)
    if found is None:
        raise ServerUnavailableError(f"no PostgreSQL server: {name} is not on this machine")
    return found


def _as_somebody(folder: Path) -> tuple[str, ...]:
    """PostgreSQL refuses to run as root: then it runs as nobody, in a folder of nobody's."""
    if os.geteuid() != 0:
        return ()
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    ids = (f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    return ("setpriv", *ids)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
