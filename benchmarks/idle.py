"""An instance with a hundred jobs, none of which is due: what it asks of Redis, and of a core.

Commands are those that it sends; what a script does inside of the server is none.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from redis.exceptions import TimeoutError as RedisTimeoutError

from benchmarks.load.carrying import Load, at_work
from benchmarks.load.schedulers import CRONFLEET
from benchmarks.measuring.report import Column, Report, gate, goal
from benchmarks.measuring.rounds import Contestant, Options, take_turns
from benchmarks.measuring.servers import commands_of, own_redis, redis_server
from tests.servers import OwnServer

COMMANDS, CORE, MEMORY = "commands/s", "of a core, %", "memory, MB"
COLUMNS = (Column(COMMANDS, "less is better"), Column(CORE), Column(MEMORY))
SETTLED_S = 5
DAY_S = 86_400.0


def measure(options: Options) -> Report:
    seconds = options.size(60, 5)

    def once() -> Mapping[str, float]:
        with (
            own_redis() as server,
            at_work(CRONFLEET, Load(100), server.url, time.time() + DAY_S) as pid,
        ):
            time.sleep(SETTLED_S)
            return _watched(server, pid, seconds)

    (row,) = take_turns([Contestant("an idle instance", once, is_ours=True)], options.rounds)
    demands = [
        gate("commands a second", row.get(COMMANDS), at_most=2),
        goal("of a core", row.get(CORE), at_most=1, unit=" %"),
    ]
    title = f"An instance with 100 jobs that are not due, for {seconds} s, on Redis"
    return Report(title, COLUMNS, [row], demands, [redis_server()])


def _watched(server: OwnServer, pid: int, seconds: float) -> Mapping[str, float]:
    client = commands_of(server, timeout_s=seconds)
    before_s, ends, commands = _spent_s(pid), time.monotonic() + seconds, 0
    with client, client.monitor() as monitor, contextlib.suppress(RedisTimeoutError):
        while time.monotonic() < ends:
            commands += monitor.next_command()["client_type"] != "lua"
    share = (_spent_s(pid) - before_s) / seconds
    return {COMMANDS: commands / seconds, CORE: share * 100, MEMORY: _resident_mb(pid)}


def _spent_s(pid: int) -> float:
    """Processor time of a process, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
