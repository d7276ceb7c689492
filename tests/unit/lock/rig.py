"""Locks on one scripted store, in virtual time."""

from __future__ import annotations

from datetime import timedelta

from cronfleet.lock import Lock, Locks
from cronfleet.lock.acquiring import terms
from cronfleet.store import Locked, Store
from cronfleet.testing.samples import new_owner
from tests.unit.engine.scripted_store import ScriptedStore
from tests.virtual_time import VirtualClock, virtual_loop

TTL = timedelta(seconds=30)
TTL_S = 30
RENEWAL_S, MARGIN_S = 10, 3
NAME = "stock"


class LockRig:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = ScriptedStore(self.clock)
        self.locks = Locks(self.store, self.clock, self._opened, self._open)

    async def _opened(self) -> Store:
        return self.store

    async def _open(self, store: Store) -> object:
        return await store.open()

    def lock(self, timeout_s: float | None = None, name: str = NAME) -> Lock:
        timeout = None if timeout_s is None else timedelta(seconds=timeout_s)
        return Lock(self.locks, terms(name, TTL, timeout))

    @property
    def now_s(self) -> float:
        return virtual_loop().time()

    async def is_free(self) -> bool:
        """Whether a stranger would be granted it, who gives it back at once."""
        owner = new_owner()
        answer = await super(ScriptedStore, self.store).lock(NAME, owner, 1_000, waits=False)
        await super(ScriptedStore, self.store).unlock(NAME, owner)
        return isinstance(answer, Locked)

    async def hold(self, ttl_s: int) -> None:
        """A stranger takes it, and is never heard of again."""
        answer = await super(ScriptedStore, self.store).lock(
            NAME, new_owner(), ttl_s * 1000, waits=False
        )
        assert isinstance(answer, Locked)

    @property
    def waiters(self) -> int:
        return len(self.store._records._waiters)
