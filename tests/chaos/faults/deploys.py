"""Instances are told to end one after the other, and come back as another edition of the program."""

from __future__ import annotations

import random

from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.processes import Process
from tests.chaos.rig import Rig

LONGEST_S = 20


@fault("deploy", per_minute=0.5)
async def deploy(rig: Rig, _: random.Random) -> bool:
    """Struck if one at least drained by itself: others may be killed meanwhile."""
    if rig.is_deploying:
        return False
    rig.is_deploying = True
    try:
        edition = rig.turn_edition()
        drained = [await replace(rig, process, edition) for process in rig.instances]
    finally:
        rig.is_deploying = False
    return any(drained)


async def replace(rig: Rig, process: Process, edition: str) -> bool:
    """As careful people do it: one that has just been started is let come up before it is ended."""
    rig.deploy(process, edition)
    await comes_true(lambda: rig.is_at_work(process), LONGEST_S)
    ended = len(process.ends)
    if not process.terminate():
        return False
    await comes_true(lambda: has_ended_since(process, ended), LONGEST_S)
    return [end.status for end in process.ends[ended : ended + 1]] == [0]


async def has_ended_since(process: Process, ended: int) -> bool:
    return process.has_ended() or len(process.ends) > ended
