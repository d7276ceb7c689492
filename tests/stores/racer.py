"""Five claimers in one process: each claims every tick of a race, and what is granted is printed.

When they are ready they say so, and wait for a line before they begin.

python racer.py PATH ROUNDS
"""

from __future__ import annotations

import asyncio
import sys

from cronfleet.clock import ManualClock
from cronfleet.store import Granted
from cronfleet.stores.sqlite import SqliteStore
from cronfleet.testing.samples import HOUR_MS, NOON, START, join, tick

CLAIMERS = 5


async def main(path: str, rounds: int) -> None:
    store = SqliteStore(path, clock=ManualClock(START), lock_timeout_ms=60_000)
    await store.open()
    claimers = [await join(store, f"racer-{n}") for n in range(CLAIMERS)]
    print("ready", flush=True)  # noqa: T201 - its only way to tell
    sys.stdin.readline()
    for number in range(rounds):
        item = tick("raced", NOON - (rounds - number) * HOUR_MS)
        answers = await asyncio.gather(*(store.claim(who, [item]) for who in claimers))
        for (answer,) in answers:
            if isinstance(answer, Granted):
                print(answer.claim.run)  # noqa: T201 - its only way to tell
    await store.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
