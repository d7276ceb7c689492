"""A row of the guarantee table: what holds for each kind of failure, and what would lift it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Failure(StrEnum):
    """What may happen to a fleet."""

    INSTANCE = "instance"
    MESSAGE = "message"
    STORE_PROCESS = "store_process"
    POWER = "power"
    FAILOVER = "failover"
    CLOCK_AHEAD = "clock_ahead"
    CLOCK_BACK = "clock_back"
    AWAY = "away"
    RESET = "reset"
    FULL = "full"
    EFFECT = "effect"

    @property
    def said(self) -> str:
        """In words."""
        return _FAILURES[self]


_FAILURES = {
    Failure.INSTANCE: "an instance crashes, freezes, or is cut off from the store",
    Failure.MESSAGE: "a message is lost, doubled or late",
    Failure.STORE_PROCESS: "the store's process is killed and starts again",
    Failure.POWER: "the store's machine loses power",
    Failure.FAILOVER: "a standby takes over from the store",
    Failure.CLOCK_AHEAD: "the store's clock leaps ahead",
    Failure.CLOCK_BACK: "the store's clock steps back",
    Failure.AWAY: "the store is away for longer than a TTL",
    Failure.RESET: "the store is emptied, or an old backup is put in its place",
    Failure.FULL: "the store's disk or memory is full",
    Failure.EFFECT: "a handler is frozen in the middle of an effect elsewhere",
}


class Verdict(StrEnum):
    """What becomes of "a tick is started at most once"."""

    KEPT = "kept"
    LATE = "late"
    STOPS = "stops"
    BROKEN = "broken"
    IMPOSSIBLE = "impossible"

    @property
    def said(self) -> str:
        """In words."""
        return _VERDICTS[self]


_VERDICTS = {
    Verdict.KEPT: "kept",
    Verdict.LATE: "kept, late",
    Verdict.STOPS: "kept, stops",
    Verdict.BROKEN: "may break",
    Verdict.IMPOSSIBLE: "cannot happen",
}


@dataclass(frozen=True, slots=True)
class Held:
    """What holds when one kind of failure happens."""

    verdict: Verdict
    said: str


@dataclass(frozen=True, slots=True)
class Downgrade:
    """What is weaker than it could be, and the setting that lifts it."""

    weaker: str
    setting: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What a store can promise as it is configured now."""

    configuration: str
    """What it is, as it was detected."""
    holds: Mapping[Failure, Held]
    downgrades: tuple[Downgrade, ...] = ()

    @property
    def breaks_when(self) -> list[Failure]:
        """The failures after which a tick may be started twice."""
        return [failure for failure, held in self.holds.items() if held.verdict is Verdict.BROKEN]

    @property
    def summary(self) -> str:
        """All of it in one line."""
        broken = self.breaks_when
        if not broken:
            return "a tick is started at most once, whatever of docs/guarantees.md happens"
        when = ", or ".join(failure.said for failure in broken)
        return f"a tick is started at most once, unless {when}"

    @property
    def lines(self) -> list[str]:
        """The configuration and what holds, then each downgrade with the setting that lifts it."""
        first = f"{self.configuration}: {self.summary}"
        return [first, *(f"{each.weaker}; {each.setting} lifts that" for each in self.downgrades)]


SOUND: Mapping[Failure, Held] = {
    Failure.INSTANCE: Held(
        Verdict.KEPT,
        "others take what it had not started; what it had started becomes lost, or starts again "
        'with on_lost="rerun"',
    ),
    Failure.MESSAGE: Held(
        Verdict.KEPT, "no claim is ever repeated, and a start counts once under its start id"
    ),
    Failure.STORE_PROCESS: Held(Verdict.KEPT, "all that was acknowledged is still there"),
    Failure.POWER: Held(Verdict.KEPT, "all that was acknowledged is on a disk that is honest"),
    Failure.FAILOVER: Held(Verdict.IMPOSSIBLE, "there is no standby"),
    Failure.CLOCK_AHEAD: Held(
        Verdict.KEPT, "claims stop for a TTL; what is due by the new clock runs then"
    ),
    Failure.CLOCK_BACK: Held(
        Verdict.LATE, "ticks come late, and the watermark forbids to run one again"
    ),
    Failure.AWAY: Held(
        Verdict.LATE, "late ticks go by the job's misfire policy; nobody is closed because of it"
    ),
    Failure.RESET: Held(
        Verdict.STOPS,
        "instances that knew it before stop with an alarm, until `cronfleet store adopt`",
    ),
    Failure.FULL: Held(Verdict.LATE, "claims fail until there is room"),
    Failure.EFFECT: Held(
        Verdict.KEPT,
        "the tick was started once; only a resource that checks run.token refuses a late effect",
    ),
}
"""What holds for a store that keeps what it acknowledges, and has no standby."""


def broken(said: str) -> Held:
    return Held(Verdict.BROKEN, said)


def kept(said: str) -> Held:
    return Held(Verdict.KEPT, said)
