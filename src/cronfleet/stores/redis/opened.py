"""A Redis or Valkey that is open: its connections, its hints, and how scripts are called."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from cronfleet.chance import fresh_id
from cronfleet.clock import Clock
from cronfleet.errors import StoreRefusedError
from cronfleet.model import (
    SessionId,
)
from cronfleet.promise import Promise, redis_promise
from cronfleet.store import (
    CANCEL,
    DUE,
    Hints,
    StoreInfo,
)
from cronfleet.stores.hub import Hub
from cronfleet.stores.redis import codec
from cronfleet.stores.redis.bounds import MOST_ITEMS
from cronfleet.stores.redis.connections import (
    Address,
    Connection,
    Connections,
    Listening,
    Reply,
    Topology,
    Word,
    read_address,
)
from cronfleet.stores.redis.keys import base_key
from cronfleet.stores.redis.scripts import confirmed_script, script
from cronfleet.stores.redis.server import Description, check
from cronfleet.stores.steps.sessions import SCHEMA

Item = TypeVar("Item")

_STIRRING = frozenset(
    {
        "backfill",
        "cancel",
        "complete",
        "define",
        "release",
        "resume",
        "skip_next",
        "sweep",
        "sync_jobs",
        "trigger",
    }
)
"""The operations after which there may be more to claim."""

_CANCELLING = frozenset({"cancel"})
"""The operations that may ask the holder of a run to cancel it."""


class OpenRedis:
    """What is under the operations of `RedisStore`; it is made as that says."""

    def __init__(
        self,
        url: str,
        *,
        fleet: str = "default",
        clock: Clock | None = None,
        call_timeout: float = 2.5,
    ) -> None:
        self._made_with = (url, fleet, clock, call_timeout)
        self._address = read_address(url, call_timeout)
        self._script = confirmed_script if self._address.waits else script
        self._base = base_key(fleet)
        self._clock = clock
        self._connections: Connections | None = None
        # Whether scripts may ask the server about its replication: '1' or ''.
        self._may_ask = ""
        self._hub = Hub()
        self._listening: Listening | None = None

    @property
    def name(self) -> str:
        return self._address.name

    async def open(self) -> StoreInfo:
        if self._connections is not None:
            return await self._open(self._connections)
        async with AsyncExitStack() as undo:
            connections = Connections(self._address, self._base)
            undo.push_async_callback(connections.aclose)
            server = await connections.describe()
            check(self.name, server)
            _check_replicas(self._address, server)
            self._may_ask = "" if server.replication is None else "1"
            info = await self._open(connections)
            if self._connections is None:  # Another task may have been quicker.
                undo.pop_all()
                self._connections = connections
                self._listening = Listening(connections, self._base, self._hub, self.name)
        return info

    async def _open(self, connections: Connections) -> StoreInfo:
        words = self._begun_with([fresh_id(), SCHEMA, self._may_ask])
        info = codec.info(await connections.call(self._script("open"), words))
        if info.schema > SCHEMA:
            raise StoreRefusedError(
                f"the store {self.name} was made by a newer cronfleet (schema {info.schema}, and "
                f"this one knows {SCHEMA}): update cronfleet here"
            )
        return info

    async def promise(self) -> Promise:
        server = await self._opened().describe()
        facts = server.facts
        wanted = self._address.replicas
        # To wait for fewer than there are promises nothing: any of them may be promoted.
        is_enough = wanted is None or (
            facts.replicas is not None and wanted >= max(facts.replicas, server.standbys)
        )
        return redis_promise(
            replace(
                facts,
                is_sentinel=self._address.topology is Topology.SENTINEL,
                is_cluster=self._address.topology is Topology.CLUSTER,
                waits=self._address.waits and is_enough,
                waits_for_some=self._address.waits and not is_enough,
            )
        )

    async def aclose(self) -> None:
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.aclose()
        connections, self._connections = self._connections, None
        if connections is not None:
            await connections.aclose()

    def hints(self, topic: str) -> Hints:
        hints = self._hub.listen(topic)
        if self._listening is not None:
            self._listening.listen()
        return hints

    @property
    def tells_all(self) -> bool:
        return True

    # --- calling scripts

    async def _call(self, name: str, *words: Word) -> Reply:
        reply = await self._opened().call(self._script(name), self._begun_with(words))
        if name in _STIRRING:
            self._tell(DUE)
        if name in _CANCELLING:
            self._tell(CANCEL)
        return reply

    def _opened(self) -> Connections:
        if self._connections is None:
            raise StoreRefusedError(f"the store {self.name} is not open: open it first")
        return self._connections

    def _tell(self, topic: str) -> None:
        """Tell this process at least, where hints do not come from the server."""
        if self._listening is None or not self._listening.hears(topic):
            self._hub.tell(topic)

    def _begun_with(self, words: Iterable[Word]) -> list[Word]:
        """The key and the first argument of every script, and its own."""
        return [self._base, "" if self._clock is None else self._clock.wall_ms(), *words]

    def renew_by(self, connection: Connection, session: SessionId) -> Reply:
        """Called by the renewal thread."""
        words = self._begun_with([session, self._may_ask])
        return connection.call(self._script("renew"), words)

    async def _call_in_parts(
        self,
        name: str,
        first: Sequence[Word],
        packed: Sequence[Iterable[Word]],
    ) -> list[Reply]:
        """One call for each `MOST_ITEMS` items; a call answered with nothing answers None to each."""
        replies: list[Reply] = []
        for part in parts(packed):
            said = await self._call(name, *first, *chain(*part))
            replies += [None] * len(part) if said is None else said
        return replies


def _check_replicas(address: Address, server: Description) -> None:
    """Raises StoreRefusedError where nobody could say how many replicas there are."""
    is_known = address.replicas or address.topology is not Topology.SERVER
    if address.waits and not is_known and server.replication is None:
        raise StoreRefusedError(
            f"the store {address.name} does not tell scripts how many replicas it has, which "
            "durability=wait must know: give its user +info, or say replicas=N in the URL"
        )


def parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The items, `MOST_ITEMS` at a time."""
    return (items[at : at + MOST_ITEMS] for at in range(0, len(items), MOST_ITEMS))
