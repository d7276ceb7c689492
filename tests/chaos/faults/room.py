"""There is no room any more: on the store's disk, in its memory, in that of an instance."""

from __future__ import annotations

import asyncio
import random
import re
from functools import partial
from pathlib import Path

from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.processes import Process
from tests.chaos.rig import Rig, now_ms
from tests.chaos.stalls import CUT
from tests.chaos.stores import OneServer

NO_ROOM_ON_DISK = b"disk is full"
NO_MEMORY = (b"MemoryError", b"Cannot allocate memory", b"can't start new thread")
LONGEST_S = 4
LOOK_S = 0.2
TRIES = 2
PATIENCE_S = 60
LIMIT = ("CONFIG", "SET", "maxmemory")


def has_small_disk(rig: Rig) -> bool:
    return rig.store.disk is not None


def has_memory_limit(rig: Rig) -> bool:
    return isinstance(rig.store, OneServer) and rig.store.url.startswith("redis")


def has_proc(_: Rig) -> bool:
    return Path("/proc/self/statm").exists()


@fault("disk-full", per_minute=0.5, where=has_small_disk)
async def fill_disk(rig: Rig, draw: random.Random) -> bool:
    """Struck if somebody met it: an instance that writes by itself, or a server, which then ends."""
    assert rig.store.disk is not None
    if isinstance(rig.store, OneServer):
        return await rig.store.fill_disk(LONGEST_S)
    seen = Seen(rig, NO_ROOM_ON_DISK)
    rig.store.disk.fill()
    try:
        await asyncio.sleep(draw.uniform(1, LONGEST_S))
    finally:
        rig.store.disk.free()
    return seen.any_more()


@fault("store-memory-full", per_minute=0.5, where=has_memory_limit)
async def fill_memory(rig: Rig, draw: random.Random) -> bool:
    """Redis refuses what would need more, until somebody was refused, and for a while."""
    assert isinstance(rig.store, OneServer)
    for _ in range(TRIES):  # A server that is restarted meanwhile has no limit any more.
        async with rig.one_at_a_time:
            if await _has_refused(rig.store, draw.uniform(0, LONGEST_S)):
                return True
    return False


async def _has_refused(store: OneServer, longer_s: float) -> bool:
    await comes_true(partial(_is_free, store), PATIENCE_S)
    before = _refused(store)

    async def is_met() -> bool:
        after = _refused(store)
        return before is not None and after is not None and after > before

    store.tell(*LIMIT, "1mb")
    try:
        struck = await comes_true(is_met, LONGEST_S, LOOK_S)
        await asyncio.sleep(longer_s if struck else 0)
    finally:
        # One that is away is waited for.
        await comes_true(partial(_is_free, store), PATIENCE_S)
    return struck


@fault("instance-memory-limit", per_minute=0.7, where=has_proc)
async def starve(rig: Rig, draw: random.Random) -> bool:
    """It gets no more memory for a while, fails wherever it asks for some, and is killed."""
    for process in TRIES * rig.shuffled(draw):
        if await _starves(rig, process, draw.uniform(0, 1)):
            return True
        await asyncio.sleep(LOOK_S)
    return False


async def _starves(rig: Rig, process: Process, longer_s: float) -> bool:
    """Who can do nothing can renew nothing either."""
    seen = Seen(rig, *NO_MEMORY)
    with rig.stalled(process, CUT) as stalling:
        before = now_ms()
        if not process.deny_memory():
            return False
        await comes_true(seen.soon, LONGEST_S)
        await asyncio.sleep(longer_s)
        process.kill()
        struck = seen.any_more()
        stalling.since = before if struck else 0
    return struck


class Seen:
    """Whether the logs of instances say one of these, later than now."""

    def __init__(self, rig: Rig, *words: bytes) -> None:
        self._words = words
        self._logs = [process.program.log for process in rig.instances]
        self._before = {log: log.stat().st_size for log in self._logs}

    def any_more(self) -> bool:
        return any(self._says(log) for log in self._logs)

    async def soon(self) -> bool:
        return self.any_more()

    def _says(self, log: Path) -> bool:
        with log.open("rb") as file:
            file.seek(self._before[log])
            said = file.read()
        return any(word in said for word in self._words)


async def _is_free(store: OneServer) -> bool:
    said = store.tell(*LIMIT, "0")
    return said is not None and said.startswith(b"+OK")


def _refused(store: OneServer) -> int | None:
    """How many commands it refused for want of memory; None while there is no server."""
    said = store.tell("INFO", "errorstats")
    if said is None:
        return None
    found = re.search(rb"errorstat_OOM:count=(\d+)", said)
    return int(found[1]) if found else 0
