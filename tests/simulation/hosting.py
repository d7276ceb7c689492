"""The store's machine: the store as each instance reaches it, and what it holds in the end."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from cronfleet.store import FaultKind, Store
from cronfleet.stores.steps.stepped import SteppedStore
from tests.simulation.clocks import StoreClock
from tests.simulation.hints import Hub
from tests.simulation.links import Link
from tests.simulation.mirror import Mirror, Request
from tests.simulation.network import Network
from tests.simulation.stores import WatchedMemory, WatchedSqlite, run_now

IN_MEMORY = Path("/dev/shm")
"""Where a file costs no disk."""

OF_A_LEAP = (FaultKind.FUTURE_WATERMARK, FaultKind.SESSION_EXPIRY)
"""What a clock that was set back leaves behind."""


class Host:
    """One store of one kind."""

    def __init__(self, kind: str, clock: StoreClock, mirror: Mirror, network: Network) -> None:
        self._clock = clock
        self._mirror = mirror
        self._network = network
        self._ending = ExitStack()
        self._memory = WatchedMemory(clock, mirror)
        self._memory._hub = cast("Any", Hub(network.tell))
        self._file = self._new_file() if kind == "sqlite" else None

    def close(self) -> None:
        self._ending.close()

    def store_for(self, link: Link) -> Store:
        """As one instance has it: the same one, or a connection of its own to the same file."""
        return cast("Store", self._store_for(link))

    def _store_for(self, link: Link | None) -> SteppedStore:
        if self._file is None:
            return self._memory
        store = WatchedSqlite(self._file, self._clock, self._mirror)
        store._hub = cast("Any", Hub(self._network.tell, link))
        self._ending.callback(store.close_file)
        return store

    def empty(self) -> bool:
        """Lose all that is stored. Answers whether it can: a file does not."""
        if self._file is not None:
            return False
        self._memory.lose_all(self._clock)
        self._mirror.lose_all()
        return True

    def _new_file(self) -> Path:
        folder = tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        return Path(self._ending.enter_context(folder)) / "store.db"

    def differences(self) -> list[str]:
        """Where the store holds other than what was written to it."""
        store = self._opened()
        found: list[str] = []
        run_now(store._step(lambda records: found.extend(self._mirror.differences(records))))
        return found

    def faults_found(self) -> list[str]:
        """What the store's own check finds."""
        store = cast("Store", self._opened())
        found = [fault for name in self._mirror.jobs for fault in run_now(store.check(name))]
        found += run_now(store.check_fleet())
        return [str(fault) for fault in found if fault.kind not in OF_A_LEAP]

    def _opened(self) -> SteppedStore:
        self._mirror.request = Request("look", "simulator")
        store = self._store_for(None)
        run_now(cast("Store", store).open())
        return store
