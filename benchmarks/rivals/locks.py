"""Locks of ours and of others, for threads and for coroutines, all of them on one Redis server.

redlock-ng asks for a driver older than ours, so it cannot be among the pinned requirements. It is
put into a folder of its own, without what it asks for, and runs on our driver as it stands.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any

from benchmarks.rivals.environments import folder

TTL_S = 30

Held = AbstractContextManager[Any]
HeldByTask = AbstractAsyncContextManager[Any]


@dataclass(frozen=True)
class Threads:
    """`lock(name)` is entered by threads; `close` gives the connections back."""

    label: str
    lock: Callable[[str], Held]
    close: Callable[[], None]


@dataclass(frozen=True)
class Tasks:
    """The same for coroutines of one event loop, which this runner has."""

    label: str
    lock: Callable[[str], HeldByTask]
    runner: asyncio.Runner
    close: Callable[[], None]


def ours_in_threads(url: str) -> Threads:
    from cronfleet import Scheduler

    scheduler = Scheduler(url)
    return Threads("cronfleet, threads", scheduler.lock, lambda: asyncio.run(scheduler.aclose()))


def ours_in_tasks(url: str) -> Tasks:
    from cronfleet import Scheduler

    scheduler, runner = Scheduler(url), asyncio.Runner()

    def close() -> None:
        runner.run(scheduler.aclose())
        runner.close()

    return Tasks("cronfleet, coroutines", scheduler.lock, runner, close)


def redis_py_in_threads(url: str) -> Threads:
    from redis import Redis

    client: Any = Redis.from_url(url)
    return Threads("redis-py, threads", lambda name: client.lock(name, timeout=TTL_S), client.close)


def redis_py_in_tasks(url: str) -> Tasks:
    from redis.asyncio import Redis

    client: Any = Redis.from_url(url)
    runner = asyncio.Runner()

    def close() -> None:
        runner.run(client.aclose())
        runner.close()

    return Tasks(
        "redis-py, coroutines", lambda name: client.lock(name, timeout=TTL_S), runner, close
    )


def python_redis_lock(url: str) -> Threads:
    import redis_lock
    from redis import Redis

    client: Any = Redis.from_url(url)
    return Threads(
        "python-redis-lock, threads",
        lambda name: redis_lock.Lock(client, name, expire=TTL_S),
        client.close,
    )


def redlock_ng_in_threads(url: str) -> Threads:
    redlock: Any = _redlock_ng().Redlock([url])
    return Threads(
        "redlock-ng, threads",
        lambda name: redlock.lock(name, TTL_S * 1000, blocking=True),
        lambda: [client.close() for client in redlock.client.instances] and None,
    )


def redlock_ng_in_tasks(url: str) -> Tasks:
    redlock: Any = _redlock_ng().AsyncRedlock([url])
    runner = asyncio.Runner()

    def close() -> None:
        for client in redlock.client.instances:
            runner.run(client.aclose())
        runner.close()

    return Tasks(
        "redlock-ng, coroutines",
        lambda name: redlock.lock(name, TTL_S * 1000, blocking=True),
        runner,
        close,
    )


def _redlock_ng() -> Any:
    path = str(folder("redlock"))
    if path not in sys.path:
        sys.path.append(path)
    return importlib.import_module("redlock")


OURS = (ours_in_threads, ours_in_tasks)
RIVALS = (
    redis_py_in_threads,
    redis_py_in_tasks,
    python_redis_lock,
    redlock_ng_in_threads,
    redlock_ng_in_tasks,
)
