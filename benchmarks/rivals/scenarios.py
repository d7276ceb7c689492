"""What happens to a fleet while sixty ticks are due, one each second."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.rivals.fleet import Fleet

TICKS = 60
LEASE_S = 10
STOPPED_S = LEASE_S + 3
AWAY_S = 3.0


class Server(Protocol):
    """A store that can be killed, begun again with what it had, and made to forget that."""

    def stop(self) -> None: ...
    def start(self) -> None: ...
    def forget(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario acts on, and when its first tick is due, by the monotonic clock."""

    fleet: Fleet
    server: Server
    begins_at: float

    def wait_until(self, at_s: float) -> None:
        """So long after the first tick."""
        time.sleep(max(0.0, self.begins_at + at_s - time.monotonic()))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One column of the table."""

    name: str
    said: str
    act: Callable[[Stage], None]
    clocks_off_s: Sequence[float] = (0, 0, 0)
    watched_s: float = 8
    """For how long after the last tick runs are still counted."""


def _nothing(_: Stage) -> None:
    pass


def _stop(stage: Stage) -> None:
    for at_s in (4, 21, 38):
        stage.wait_until(at_s)
        machine = stage.fleet.struck_at_work()
        machine.freeze()
        time.sleep(STOPPED_S)
        machine.thaw()


def _kill(stage: Stage) -> None:
    for at_s in (4, 21, 38):
        stage.wait_until(at_s)
        stage.fleet.struck_at_work().kill()


def _restart(stage: Stage) -> None:
    for at_s in (10, 35):
        stage.wait_until(at_s)
        stage.server.stop()
        time.sleep(AWAY_S)
        stage.server.start()


def _restart_empty(stage: Stage) -> None:
    stage.wait_until(20)
    stage.server.stop()
    stage.server.forget()
    time.sleep(AWAY_S)
    stage.server.start()
    stage.fleet.prepare()


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("normal", "nothing happens", _nothing),
        Scenario(
            "skew",
            "the wall clocks of the instances are off by -300, 0 and +300 ms",
            _nothing,
            (-0.3, 0, 0.3),
        ),
        Scenario(
            "stop",
            f"three times, an instance in the middle of a run is frozen for {STOPPED_S} s, "
            "longer than every lock and lease, and goes on",
            _stop,
            watched_s=25,
        ),
        Scenario(
            "kill",
            "three times, an instance in the middle of a run is killed with -9; it is started "
            "again a second later",
            _kill,
        ),
        Scenario(
            "restart",
            f"twice, the store is killed, and started again {AWAY_S:.0f} s later with all it had",
            _restart,
        ),
        Scenario(
            "restart-empty",
            f"the store is killed, and started again {AWAY_S:.0f} s later with nothing",
            _restart_empty,
        ),
    )
}
