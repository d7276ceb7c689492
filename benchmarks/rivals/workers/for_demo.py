"""The demo's algorithm, in Python: SET NX PX, run, GET, and DEL if it is still ours.

Like its cron library, each instance wakes at every whole second of its own clock. The lock lives
for 10 s.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time

from handler import LEASE_S, STORE, work_in_loop
from redis.asyncio import Redis
from redis.exceptions import RedisError

KEY = "lock:work"
log = logging.getLogger("demo")


async def main() -> None:
    client = Redis.from_url(STORE)
    async with asyncio.TaskGroup() as runs:
        while True:
            await asyncio.sleep(1.001 - time.time() % 1)
            runs.create_task(tick(client, int(time.time())))


async def tick(client: Redis, fire_time_s: int) -> None:
    mine = secrets.token_hex(16).encode()
    try:
        if not await client.set(KEY, mine, nx=True, px=LEASE_S * 1000):
            return
        await work_in_loop(fire_time_s)
        if await client.get(KEY) == mine:
            await client.delete(KEY)
    except RedisError:
        log.exception("this tick has failed")


if __name__ == "__main__":
    asyncio.run(main())
