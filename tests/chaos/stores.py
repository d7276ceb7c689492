"""The stores of the rig: each is killed and started again with its data, or fails over.

All are set up so that what they acknowledge outlives what strikes them here: processes are killed,
no machine loses its power. So their files may lie where nothing waits for a disk.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.chaos.patience import comes_true
from tests.chaos.small_disk import SmallDisk, small_disk
from tests.chaos.wall_clock import WallClock
from tests.postgres_servers import OwnPostgres, find_programs
from tests.redis_servers import Watched, tell
from tests.servers import Binary, OwnServer, ServerUnavailableError, find_binary

LONGEST_FAILOVER_S = 60


class ChaosStore(Protocol):
    """What the fleet shares. A method answers whether it struck."""

    url: str
    disk: SmallDisk | None
    """Where its data is, if that can be filled up."""

    def can_restart(self) -> bool: ...
    def can_fail_over(self) -> bool: ...

    async def restart(self, away_s: float) -> bool:
        """Kill it, and start it again so much later, with its data."""
        ...

    async def fail_over(self) -> bool:
        """Kill the primary; return when another has taken over and the old one is back."""
        ...

    @property
    def clock(self) -> WallClock | None:
        """Its own wall clock, where that can be set apart from the machine's."""
        ...

    def clock_ms(self) -> int | None:
        """What a client reads there, of a store with a clock of its own; None while nobody can."""
        ...

    def stop(self) -> None: ...


class OneFile:
    """SQLite: nothing that can be killed but those who write, and no clock but the machine's."""

    clock: WallClock | None = None

    def __init__(self, folder: Path) -> None:
        self.disk = small_disk(folder)
        self.url = f"sqlite:///{folder}/cronfleet.db"

    def can_restart(self) -> bool:
        return False

    def can_fail_over(self) -> bool:
        return False

    async def restart(self, away_s: float) -> bool:
        return False

    async def fail_over(self) -> bool:
        return False

    def clock_ms(self) -> int | None:
        return None

    def stop(self) -> None:
        if self.disk is not None:
            self.disk.unmount()


class OneServer:
    """A server that is killed and comes back."""

    def __init__(self, server: OwnServer | OwnPostgres, clock: WallClock | None = None) -> None:
        self.url = server.url
        self.clock = clock
        self.disk: SmallDisk | None = None
        self._server = server
        self._gate = asyncio.Lock()

    def can_restart(self) -> bool:
        return True

    def can_fail_over(self) -> bool:
        return False

    async def restart(self, away_s: float) -> bool:
        async with self._gate:
            self._server.stop()
            try:
                await asyncio.sleep(away_s)
            finally:
                self._server.start()
        return True

    async def fail_over(self) -> bool:
        return False

    async def fill_disk(self, longest_s: float) -> bool:
        """A server that syncs each write ends when it cannot; it is started when there is room."""
        if self.disk is None or not isinstance(self._server, OwnServer):
            return False
        async with self._gate:
            self.disk.fill()
            try:
                return await comes_true(self._has_ended, longest_s)
            finally:
                self.disk.free()
                self._server.restart()

    async def _has_ended(self) -> bool:
        return isinstance(self._server, OwnServer) and self._server.has_ended

    def clock_ms(self) -> int | None:
        said = self.tell("TIME") if self.clock is not None else None
        numbers = re.findall(rb"^(\d+)\r\n", said or b"", re.MULTILINE)
        return int(numbers[0]) * 1000 + int(numbers[1]) // 1000 if len(numbers) == 2 else None

    def tell(self, *words: str) -> bytes | None:
        """One command of Redis by hand; None while there is no server."""
        assert isinstance(self._server, OwnServer)
        try:
            return tell(self._server, *words)
        except OSError:
            return None

    def stop(self) -> None:
        self._server.stop()
        if self.disk is not None:
            self.disk.unmount()
        if isinstance(self._server, OwnPostgres):
            self._server.remove()


class UnderSentinel:
    """A primary with two replicas, and three sentinels; each write waits for both replicas."""

    clock: WallClock | None = None
    disk: SmallDisk | None = None

    def __init__(self, servers: Watched) -> None:
        self.url = f"{servers.url}?durability=wait"
        self._servers = servers
        self._gate = asyncio.Lock()

    def can_restart(self) -> bool:
        return True

    def can_fail_over(self) -> bool:
        return True

    async def restart(self, away_s: float) -> bool:
        """A replica: without it nothing new starts."""
        async with self._gate:
            replica = self._servers.replicas[0]
            replica.stop()
            try:
                await asyncio.sleep(away_s)
            finally:
                replica.start()
        return True

    async def fail_over(self) -> bool:
        async with self._gate:
            await comes_true(self._is_whole, LONGEST_FAILOVER_S)
            primary = self._servers.primary
            primary.stop()

            async def has_taken_over() -> bool:
                return self._servers.primary is not primary

            try:
                return await comes_true(has_taken_over, LONGEST_FAILOVER_S)
            finally:
                primary.start()  # As a replica, which is waited for.

    async def _is_whole(self) -> bool:
        """Else there is nobody who could take over."""
        return self._servers.count_replicas(self._servers.primary) == len(self._servers.replicas)

    def clock_ms(self) -> int | None:
        return None

    def stop(self) -> None:
        self._servers.stop()


class OwnRedis(OwnServer):
    """Syncs each write before it answers, and has a wall clock of its own if one can be had."""

    def __init__(self, folder: Path) -> None:
        binary = find_binary("redis")
        self.clock = _clock_for(binary, folder / "store-clock")
        super().__init__(binary, folder, "--appendfsync", "always")

    def _command(self, port: int) -> list[str | Path]:
        command = super()._command(port)
        return command if self.clock is None else [*_under(self.clock), *command]


def _clock_for(binary: Binary, file: Path) -> WallClock | None:
    """None without libfaketime, or where this server does not bear it."""
    try:
        clock = WallClock(file)
        done = subprocess.run(
            [*_under(clock), binary.path, "--version"], check=False, capture_output=True, timeout=5
        )
    except (ServerUnavailableError, subprocess.TimeoutExpired):
        return None
    return clock if done.returncode == 0 and not done.stderr else None


def _under(clock: WallClock) -> list[str]:
    """How a command begins that goes by the clock.

    jemalloc asks for the time when it is loaded, which libfaketime cannot bear: so the server takes
    its memory from libc.
    """
    worn = clock.worn_by({}) | {"PYTHONPATH": ""}
    worn["LD_PRELOAD"] += ":libc.so.6"
    return ["env", *(f"{name}={value}" for name, value in worn.items())]


def _redis(folder: Path) -> ChaosStore:
    disk = small_disk(folder)
    server = OwnRedis(folder)
    store = OneServer(server, server.clock)
    store.disk = disk
    return store


def _postgres(folder: Path) -> ChaosStore:
    return OneServer(OwnPostgres(find_programs()))


def _valkey_sentinel(folder: Path) -> ChaosStore:
    return UnderSentinel(Watched(find_binary("valkey"), folder))


STORES: dict[str, Callable[[Path], ChaosStore]] = {
    "sqlite": OneFile,
    "redis": _redis,
    "postgres": _postgres,
    "valkey-sentinel": _valkey_sentinel,
}


def start(name: str, folder: Path) -> ChaosStore:
    """Raises ServerUnavailableError if there is no such server here."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o755)  # noqa: PTH101
    return STORES[name](folder)
