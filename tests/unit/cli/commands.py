"""The command as a shell sees it, without the cost of a process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from cronfleet import RunContext, Scheduler, cron
from cronfleet.cli.main import main

Act: TypeAlias = Callable[[Scheduler], Awaitable[object]]
Register: TypeAlias = Callable[[Scheduler], None]

NEVER = cron("0 0 1 1 *")


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """A folder with a store in it, whose jobs are `report`, which succeeds, and `broken`."""

    store: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> Said:
        """`cronfleet` with these arguments, in the folder."""
        self.monkeypatch.setattr(sys, "argv", ["cronfleet", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = self.capsys.readouterr()
        return Said(int(exit_.value.code or 0), said.out, said.err)

    def work(self, act: Act, *register: Register) -> None:
        """Do something while an instance is at work; `register` adds jobs to it."""

        async def fail(_: RunContext) -> None:
            raise RuntimeError("the \x1b[31mprinter\x1b[0m\nis on fire")

        async def working() -> None:
            scheduler = Scheduler(f"sqlite:///{self.store}", program="test")
            scheduler.add_job(lambda _: None, NEVER, "report")
            scheduler.add_job(fail, NEVER, "broken")
            for add in register:
                add(scheduler)
            async with scheduler:
                await act(scheduler)

        asyncio.run(working())
