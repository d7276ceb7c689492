"""The network of one instance fails in every way that a network can; the others' goes on.

Who cannot reach the store for long enough may do late what it was about to do.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from tests.chaos.faults.registry import fault
from tests.chaos.patience import comes_true
from tests.chaos.proxy import (
    CutAfter,
    Delay,
    Drop,
    Duplicate,
    Partition,
    Refuse,
    Swallow,
    Trouble,
    Way,
)
from tests.chaos.rig import Rig, now_ms
from tests.chaos.stalls import CUT

LONGEST_PIECE_BYTES = 600
AT_ONCE_S = 0.1
LOOK_S = 0.2
PATIENCE_S = 45
A_WHILE_S = 3


def has_network(rig: Rig) -> bool:
    return rig.network is not None and rig.network.can_strike


def has_scripts(rig: Rig) -> bool:
    return rig.network is not None and rig.network.scheme == "redis"


async def strike(
    rig: Rig,
    draw: random.Random,
    trouble: Callable[[], Trouble],
    for_s: float,
) -> bool:
    """One after the other, until it did something to one: others are dead, or struck already."""

    async def struck() -> bool:
        assert rig.network is not None
        number = draw.randrange(len(rig.instances))
        made = trouble()
        with rig.stalled(rig.instances[number], CUT) as stalling:
            has_struck = await rig.network.strike(number, made, for_s)
            if has_struck and made.keeps_away:
                stalling.since = made.struck_at
                stalling.until = now_ms() + made.lasts_ms
        return has_struck

    return await comes_true(struck, PATIENCE_S, LOOK_S)


@fault("net-drop", per_minute=3, where=has_network)
async def drop(rig: Rig, draw: random.Random) -> bool:
    """All its connections are reset."""
    return await strike(rig, draw, Drop, AT_ONCE_S)


@fault("net-refuse", per_minute=1, where=has_network)
async def refuse(rig: Rig, draw: random.Random) -> bool:
    return await strike(rig, draw, Refuse, _ttls(rig, draw, 0.5, 2))


@fault("net-late-requests", per_minute=2, where=has_network)
async def delay_requests(rig: Rig, draw: random.Random) -> bool:
    """By more than a call may take, now and then: they come when nobody waits any more."""
    trouble = partial(Delay, Way.UP, _ttls(rig, draw, 0.05, 0.7))
    return await strike(rig, draw, trouble, _ttls(rig, draw, 1, 2))


@fault("net-late-answers", per_minute=2, where=has_network)
async def delay_answers(rig: Rig, draw: random.Random) -> bool:
    trouble = partial(Delay, Way.DOWN, _ttls(rig, draw, 0.05, 0.7))
    return await strike(rig, draw, trouble, _ttls(rig, draw, 1, 2))


@fault("net-no-answers", per_minute=3, where=has_network)
async def swallow(rig: Rig, draw: random.Random) -> bool:
    """What it asks is done, and it never hears of it."""
    return await strike(rig, draw, Swallow, _ttls(rig, draw, 0.1, 1))


@fault("net-partition", per_minute=2, where=has_network)
async def partition(rig: Rig, draw: random.Random) -> bool:
    """Half open: nobody is told. Afterwards all of it comes late, or the connections are cut."""
    trouble = partial(Partition, cuts=draw.random() < 0.5)
    return await strike(rig, draw, trouble, _ttls(rig, draw, 0.3, 3))


@fault("net-cut-requests", per_minute=3, where=has_network)
async def cut_requests(rig: Rig, draw: random.Random) -> bool:
    """In the middle of one."""
    trouble = partial(CutAfter, Way.UP, draw.randrange(1, LONGEST_PIECE_BYTES))
    return await strike(rig, draw, trouble, A_WHILE_S)


@fault("net-cut-answers", per_minute=3, where=has_network)
async def cut_answers(rig: Rig, draw: random.Random) -> bool:
    trouble = partial(CutAfter, Way.DOWN, draw.randrange(1, LONGEST_PIECE_BYTES))
    return await strike(rig, draw, trouble, A_WHILE_S)


@fault("net-duplicate", per_minute=3, where=has_scripts)
async def duplicate(rig: Rig, draw: random.Random) -> bool:
    """Zombies: each script is asked for once more, on another connection, later."""
    assert rig.network is not None
    trouble = partial(Duplicate, *rig.network.store, after_s=draw.uniform(0, A_WHILE_S / 2))
    return await strike(rig, draw, trouble, A_WHILE_S)


def _ttls(rig: Rig, draw: random.Random, least: float, most: float) -> float:
    """So many TTLs, in seconds."""
    return draw.uniform(least, most) * rig.settings.ttl_ms / 1000
