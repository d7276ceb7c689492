"""PostgreSQL: what its commits, its disk and its standbys let us promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cronfleet.promise.values import SOUND, Downgrade, Failure, Held, Promise, Verdict, broken, kept

_REMOTE = ("on", "remote_apply", "remote_write")


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """What a server says of itself, as the store's own transactions have it."""

    version: str
    synchronous_commit: str = "on"
    """In the transactions of claim, start and complete."""
    fsync: bool = True
    full_page_writes: bool = True
    synchronous_standby_names: str = ""
    standbys: int | None = 0
    """How many are attached; None where that may not be asked."""
    waited_for: int | None = None
    """For how many of those a commit waits, whichever they are; None where that is unknown."""

    @property
    def is_replicated(self) -> bool:
        """Whether a commit waits for a standby."""
        return bool(self.synchronous_standby_names) and self.synchronous_commit in _REMOTE

    @property
    def waits_for_all(self) -> bool:
        """Whether a commit waits for every standby that may take over."""
        return (
            self.is_replicated
            and bool(self.standbys)
            and self.waited_for is not None
            and self.waited_for == self.standbys
        )

    @property
    def has_standby(self) -> bool:
        return bool(self.standbys) or bool(self.synchronous_standby_names)


def postgres_promise(facts: PostgresFacts) -> Promise:
    """What a PostgreSQL server can promise."""
    holds = {**SOUND, Failure.FAILOVER: _after_a_failover(facts)}
    if facts.synchronous_commit == "off":
        holds[Failure.STORE_PROCESS] = broken("the last commits, of under a second, are forgotten")
        holds[Failure.POWER] = holds[Failure.STORE_PROCESS]
    if not (facts.fsync and facts.full_page_writes):
        holds[Failure.POWER] = broken("the database may come back damaged")
    if facts.is_replicated:
        holds[Failure.AWAY] = Held(
            Verdict.LATE,
            f"{SOUND[Failure.AWAY].said}; a synchronous standby that is away counts as the store",
        )
    return Promise(_configuration(facts), holds, tuple(_downgrades(facts)))


def _configuration(facts: PostgresFacts) -> str:
    if facts.is_replicated:
        standby = "a synchronous standby" if facts.waits_for_all else "some standby synchronous"
    elif facts.standbys is None:
        standby = "standbys unknown"
    else:
        standby = "an asynchronous standby" if facts.has_standby else "no standby"
    return f"PostgreSQL {facts.version} with {standby}"


def _after_a_failover(facts: PostgresFacts) -> Held:
    if facts.is_replicated and not facts.waits_for_all:
        return broken("a standby that no commit waits for may take over without the last claims")
    if facts.is_replicated and facts.synchronous_commit != "remote_write":
        return kept("every standby has all that was acknowledged")
    if facts.is_replicated:
        return broken("if the standby's machine crashes too, the last commits are forgotten")
    if facts.has_standby:
        return broken("what the standby had not received is forgotten: claims of the last moments")
    if facts.standbys is None:
        return broken("if it has a standby, what that had not received is forgotten")
    return SOUND[Failure.FAILOVER]


def _downgrades(facts: PostgresFacts) -> Iterator[Downgrade]:
    if facts.synchronous_commit == "off":
        yield Downgrade(
            "when the server crashes, the last commits are forgotten", "synchronous_commit = on"
        )
    if not facts.fsync:
        yield Downgrade("when its machine loses power, the database may be damaged", "fsync = on")
    if not facts.full_page_writes:
        yield Downgrade("when its machine loses power, pages may be torn", "full_page_writes = on")
    if facts.is_replicated and facts.synchronous_commit == "remote_write":
        yield Downgrade(
            "a standby that crashes may forget what it had acknowledged", "synchronous_commit = on"
        )
    if facts.is_replicated and not facts.waits_for_all:
        yield Downgrade(
            "a standby may take over without what only others were waited for",
            "synchronous_standby_names",
        )
    if not facts.is_replicated and (facts.has_standby or facts.standbys is None):
        setting = "synchronous_standby_names"
        if facts.synchronous_standby_names:
            setting = "synchronous_commit = on"
        yield Downgrade("a failover forgets what the standby had not received", setting)
