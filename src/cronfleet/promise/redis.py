"""Redis and Valkey: what persistence, replication and eviction let us promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cronfleet.promise.values import SOUND, Downgrade, Failure, Held, Promise, Verdict, broken, kept


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """What a server says of itself; None is what it does not let us ask."""

    kind: str = "Redis"
    version: str | None = None
    aof: bool | None = None
    """Whether it keeps an append-only file."""
    appendfsync: str | None = None
    """When that file is synced: `always`, `everysec` or `no`."""
    save: str | None = None
    """When it writes a snapshot; empty for never."""
    replicas: int | None = None
    """How many are connected."""
    eviction: str | None = None
    """Its `maxmemory-policy`. One that evicts at a limit is refused when the store is opened."""
    tells_scripts: bool = True
    """Whether scripts may ask about its replication, and so notice a failover."""
    is_sentinel: bool = False
    is_cluster: bool = False
    waits: bool = False
    """Whether each write that counts waits for every replica (`durability=wait`)."""
    waits_for_some: bool = False
    """Whether it waits for fewer than may be promoted (`replicas=N`)."""

    @property
    def has_standby(self) -> bool:
        return self.is_sentinel or self.is_cluster or bool(self.replicas)


def redis_promise(facts: RedisFacts) -> Promise:
    """What a Redis or Valkey can promise."""
    holds = {
        **SOUND,
        Failure.STORE_PROCESS: _after_a_kill(facts),
        Failure.POWER: _after_a_power_loss(facts),
        Failure.FAILOVER: _after_a_failover(facts),
    }
    return Promise(_configuration(facts), holds, tuple(_downgrades(facts)))


def _configuration(facts: RedisFacts) -> str:
    server = f"{facts.kind} {facts.version}" if facts.version else facts.kind
    where = "behind Sentinel" if facts.is_sentinel else "Cluster" if facts.is_cluster else ""
    replicas = "replicas unknown" if facts.replicas is None else _counted(facts.replicas)
    waits = "waited for with every write" if facts.waits else ""
    parts = (f"{server} {where}".rstrip(), _persistence(facts), replicas, waits)
    return ", ".join(part for part in parts if part)


def _counted(replicas: int) -> str:
    return f"{replicas or 'no'} replica{'' if replicas == 1 else 's'}"


def _persistence(facts: RedisFacts) -> str:
    if facts.aof:
        return f"append-only file with appendfsync {facts.appendfsync or 'unknown'}"
    if facts.aof is None:
        return "persistence unknown"
    match facts.save:
        case "":
            return "nothing on disk"
        case None:
            return "no append-only file, snapshots unknown"
        case _:
            return "snapshots alone"


def _after_a_kill(facts: RedisFacts) -> Held:
    if facts.aof and facts.appendfsync in ("always", "no"):
        return SOUND[Failure.STORE_PROCESS]
    if facts.aof:
        # Its writes wait for a sync that is under way, and its answers do not.
        return broken("while its disk is busy, up to about two seconds of claims are forgotten")
    if facts.aof is False and facts.save == "":
        return Held(Verdict.STOPS, "it comes back empty: claims stop until `cronfleet store adopt`")
    return broken("what it acknowledged since its last snapshot may be forgotten")


def _after_a_power_loss(facts: RedisFacts) -> Held:
    if not facts.aof:
        return _after_a_kill(facts)
    if facts.appendfsync == "always":
        return SOUND[Failure.POWER]
    lost = _seconds_lost(facts)
    if facts.waits:
        return broken(f"if it comes back before a replica takes over, {lost}")
    return broken(lost)


def _seconds_lost(facts: RedisFacts) -> str:
    most = "about two seconds" if facts.appendfsync == "everysec" else "half a minute"
    return f"up to {most} of claims are forgotten"


def _when_it_forgets(facts: RedisFacts) -> str:
    if facts.appendfsync == "everysec":
        return "when its machine loses power, or it is killed while its disk is busy"
    return "when its machine loses power"


def _after_a_failover(facts: RedisFacts) -> Held:
    if facts.waits:
        return kept(
            "every replica has it before it counts; a tick whose replicas were silent may be lost"
        )
    if facts.has_standby:
        return broken("what the replica had not received is forgotten: claims of the last moments")
    if facts.replicas is None:
        return broken("if it has a replica, what that had not received is forgotten")
    return SOUND[Failure.FAILOVER]


def _downgrades(facts: RedisFacts) -> Iterator[Downgrade]:
    yield from _of_persistence(facts)
    if not facts.waits and facts.has_standby:
        yield _of_failover(facts)
    if not facts.waits and facts.replicas is None and not facts.has_standby:
        yield Downgrade("whether it has replicas cannot be asked", "ACL +info")
    if facts.eviction is None:
        yield Downgrade("whether it evicts keys cannot be asked", "ACL +info")
    elif facts.eviction != "noeviction":
        yield Downgrade(
            "it would evict keys, and forget what ran, if it were given a maxmemory",
            "maxmemory-policy noeviction",
        )
    if not facts.tells_scripts:
        yield Downgrade(
            "a failover goes unnoticed, and stops the fleet as a reset would", "ACL +info"
        )


def _of_failover(facts: RedisFacts) -> Downgrade:
    if facts.waits_for_some:
        return Downgrade(
            "a replica that was not waited for may take over without what it had not received",
            "replicas=N in the store's URL, for all that may be promoted",
        )
    return Downgrade(
        "a failover forgets what the replica had not received",
        "durability=wait in the store's URL",
    )


def _of_persistence(facts: RedisFacts) -> Iterator[Downgrade]:
    if facts.aof is None:
        yield Downgrade("what it keeps on disk cannot be asked", "ACL +info +config|get")
    elif not facts.aof:
        weaker = (
            "it keeps nothing on disk: when it restarts, nobody knows what ran"
            if facts.save == ""
            else "when it ends, what it acknowledged since its last snapshot is forgotten"
        )
        yield Downgrade(weaker, "appendonly yes with appendfsync always")
    elif facts.appendfsync is None:
        yield Downgrade("how often it syncs its disk cannot be asked", "ACL +config|get")
    elif facts.appendfsync != "always":
        yield Downgrade(f"{_when_it_forgets(facts)}, {_seconds_lost(facts)}", "appendfsync always")
