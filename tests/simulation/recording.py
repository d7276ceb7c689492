"""What the instances of a simulated history asked of their store, to be asked of other stores."""

from __future__ import annotations

from dataclasses import dataclass

from cronfleet.model import Instant
from tests.simulation.case import Case
from tests.simulation.faults import Director
from tests.simulation.mirror import Request
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it arrived, and what the clock of the store's machine showed then."""

    request: Request
    wall_ms: Instant


def asked(case: Case, most: int) -> list[Asked]:
    """The first calls of a history, its faults among them."""
    world = World(case, keeps=False)
    calls: list[Asked] = []

    def take(request: Request) -> None:
        calls.append(Asked(request, world.clock.wall_ms()))
        if len(calls) >= most:
            world.loop.stop()

    world.network.takes = take
    Director(world)
    for who in world.names:
        world.start(who)
    try:
        world.run_until(case.fleet.faulty)
    finally:
        world.close()
    return calls[:most]
