"""What the jobs of the rig do: each leaves a line, on the disk, in a log outside the system.

How long a run works and whether it fails follow from its id: nothing is left to chance but the
faults.
"""

from __future__ import annotations

import asyncio
import os
import threading
import zlib
from functools import cache

from cronfleet import RunContext
from cronfleet_verify import EffectLog
from tests.chaos.true_time import let_effects_tell_it


@cache
def log() -> EffectLog:
    """Outside the system, stamped with the machine's time whatever clock this process has."""
    let_effects_tell_it()
    return EffectLog(os.environ["CHAOS_EFFECTS"], instance=os.environ["CHAOS_INSTANCE"])


class UnluckyError(Exception):
    """The handler failed, as it had to."""


def share(run: RunContext, *more: object) -> float:
    """A number from 0 to below 1 that belongs to the run."""
    return zlib.crc32(repr((run.run_id, *more)).encode()) / 2**32


async def work(run: RunContext) -> None:
    """Works for up to `work_s`, and has one effect that must never be had twice."""
    with log().of(run):
        await asyncio.sleep(share(run) * run.args["work_s"])
        log().did(run, key=run.run_id)


async def work_again(run: RunContext) -> None:
    """Is idempotent: may be begun again."""
    with log().of(run):
        await asyncio.sleep(share(run) * run.args["work_s"])
        log().did(run)


def work_in_a_thread(run: RunContext) -> None:
    with log().of(run):
        threading.Event().wait(share(run) * run.args["work_s"])
        log().did(run, key=run.run_id)


async def fail_now_and_then(run: RunContext) -> None:
    """One attempt in three fails."""
    with log().of(run):
        await asyncio.sleep(share(run) * run.args["work_s"])
        if share(run, run.attempt) < 1 / 3:
            raise UnluckyError(run.run_id)


def eat_memory(run: RunContext) -> None:
    """Asks for more than its process may have, and so fails."""
    with log().of(run):
        bytearray(1 << 30)
