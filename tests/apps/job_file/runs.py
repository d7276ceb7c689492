"""Runs for handlers that are called without a scheduler, and what they say to the log."""

from __future__ import annotations

import asyncio
import logging
import threading
from datetime import UTC, datetime

from cronfleet import RunContext
from cronfleet.apps.job_file.values import CommandWork

RUN_ID = "backup@1767225600000"


class Log(logging.Handler):
    """What a run said, and a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._more.set()

    @property
    def said(self) -> list[str]:
        """The lines without the run's id before them."""
        return [line.removeprefix(f"{RUN_ID}: ") for line in self.lines]

    async def until(self, words: str) -> str:
        """The first line with these words in it, waited for; the test's time limit is the only one."""
        while True:
            for line in self.said:
                if words in line:
                    return line
            self._more.clear()
            await self._more.wait()


def a_run(log: Log) -> RunContext:
    logger = logging.getLogger(f"tests.run.{id(log)}")
    logger.handlers = [log]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return RunContext(
        job="backup",
        kind="tick",
        fire_time=datetime(2026, 1, 1, tzinfo=UTC),
        args={},
        attempt=2,
        token=77,
        run_id=RUN_ID,
        deadline=None,
        lost=threading.Event(),
        log=logging.LoggerAdapter(logger, {}),
    )


def work(
    *argv: str,
    directory: str | None = None,
    stdin: str = "",
    memory_bytes: int | None = None,
    secrets: frozenset[str] = frozenset(),
    **environment: str,
) -> CommandWork:
    path = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    return CommandWork(argv, directory, path | environment, stdin, memory_bytes, secrets)


def shell(line: str) -> CommandWork:
    return work("/bin/sh", "-c", line)
