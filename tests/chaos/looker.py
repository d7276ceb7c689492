"""What the store of a fleet says, asked over one connection from a program without a loop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from cronfleet import RunInfo, Scheduler


class Looker:
    """For one thread, while its block lasts."""

    def __init__(self, store: str) -> None:
        self._runner = asyncio.Runner()
        self._scheduler = Scheduler(store, program="looker")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._runner.run(self._scheduler.aclose())
        self._runner.close()

    def runs(self, job: str, limit: int) -> list[RunInfo]:
        """The newest."""
        return self._runner.run(self._scheduler.runs(job, limit=limit))

    def export(self, path: Path) -> None:
        """All that the store knows, for the checker."""
        with path.open("w", encoding="utf-8") as file:
            self._runner.run(self._scheduler.export(file.write))
