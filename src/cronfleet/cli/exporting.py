"""`cronfleet runs --export`: all that the store knows, into a file that is whole or not there."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from cronfleet import ConfigurationError
from cronfleet.cli.opened import opened
from cronfleet.cli.printing import OUTPUT_ERRORS, give_up_output


def export_to(target: str, store: str | None) -> None:
    """Write the export to a file, or with `-` to the output. Raises CronfleetError."""
    if target == "-":
        asyncio.run(_export(store, _print))
        sys.stdout.flush()
        return
    path = Path(target)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("x", encoding="ascii") as file:
            asyncio.run(_export(store, file.write))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error.strerror}") from None
    finally:
        unfinished.unlink(missing_ok=True)


async def _export(store: str | None, write: Callable[[str], object]) -> None:
    async with opened(store) as scheduler:
        await scheduler.export(write)


def _print(line: str) -> None:
    try:
        sys.stdout.write(line)
    except OSError as error:
        if error.errno not in OUTPUT_ERRORS:
            raise
        give_up_output(error)
