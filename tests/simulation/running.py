"""One history from its case: faults first, then all must become well."""

from __future__ import annotations

import gc
from collections.abc import Iterable

from cronfleet.errors import SimulationError
from tests.simulation.case import Case
from tests.simulation.faults import Director
from tests.simulation.verdict import RuleBroken, Verdict, Violation
from tests.simulation.wellness import AGAIN_WELL, DRAINED, Wish, bound_ms
from tests.simulation.world import World

DRAINED_MS = 20_000
"""How much longer than its drain an instance may take to leave."""


def run(case: Case, *, keeps: bool = False) -> Verdict:
    """Live through it. The verdict has the first rule that was broken."""
    gc.disable()  # A dead instance's coroutines must not be tidied up, which would run them.
    world = World(case, keeps=keeps)
    try:
        return _verdict(world, _violation(world))
    finally:
        world.close()
        gc.enable()


def _violation(world: World) -> Violation | None:
    try:
        _live(world)
    except RuleBroken as found:
        return found.violation
    except SimulationError as error:
        return Violation("time_passes", str(error), world.true_ms())
    return None


def _live(world: World) -> None:
    director = Director(world)
    for who in world.names:
        world.start(who)
    world.run_until(world.case.fleet.faulty)
    director.heal()
    world.run_until(world.true_ms() + bound_ms(world.case))
    _check(world, AGAIN_WELL)
    for process in world.processes.values():
        process.stop()
    world.run_until(world.true_ms() + world.case.fleet.drain + DRAINED_MS)
    _check(world, DRAINED)


def _check(world: World, wishes: Iterable[Wish]) -> None:
    for wish in wishes:
        for how in wish(world):
            raise RuleBroken(Violation(wish.__name__, how, world.true_ms()))


def _verdict(world: World, violation: Violation | None) -> Verdict:
    return Verdict(
        seed=world.case.fleet.seed,
        violation=violation,
        digest=world.story.digest,
        instances_ms=world.true_ms() * world.case.fleet.instances,
        calls=world.story.calls,
        ticks=sum(len(each) for each in world.mirror.made.values()),
        effects=world.effects.count,
        struck=world.network.struck,
        lines=tuple(world.story.lines),
    )
