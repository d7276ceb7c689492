"""The history is exported again and again, before any of it is deleted."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from cronfleet import Scheduler, StoreError
from tests.chaos.patience import comes_true

EVERY_S = 45
"""Jobs keep 200 runs, and none makes more than two a second."""
AGAIN_S = 1
PATIENCE_S = 90


class Exporter:
    """Writes `history-001.jsonl` and so on."""

    def __init__(self, operator: Scheduler, folder: Path) -> None:
        self._operator = operator
        self._folder = folder
        self._gate = asyncio.Lock()
        self.paths: list[Path] = []

    async def keep_exporting(self, over: asyncio.Event) -> None:
        """Until it is over: no cancellation, which a driver in the middle of a call may swallow."""
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), EVERY_S)
                return
            with contextlib.suppress(StoreError):  # If too much was deleted meanwhile, it is told.
                await self.export()

    async def export(self) -> None:
        """One more, whole: a store that is away is waited for. Raises StoreError in the end."""
        async with self._gate:
            path = self._folder / f"history-{len(self.paths) + 1:03}.jsonl"
            if await comes_true(lambda: self._write(path), PATIENCE_S, AGAIN_S):
                self.paths.append(path)
                return
        raise StoreError(f"the store gave no whole export in {PATIENCE_S} s")

    async def _write(self, path: Path) -> bool:
        with path.open("w") as file:
            try:
                await self._operator.export(file.write)
            except StoreError:
                return False
        return True
