"""The time zone by which this machine's cron works."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cronfleet import InvalidScheduleError, cron


def local_zone() -> str | None:
    """Its name in the time-zone data; None when the machine does not tell."""
    for name in _named():
        try:
            cron("0 * * * *", tz=name)
        except InvalidScheduleError:
            continue
        return name
    return None


def _named() -> Iterator[str]:
    yield os.environ.get("TZ", "").removeprefix(":")
    link = Path("/etc/localtime")
    if link.exists():
        yield str(link.resolve()).partition("zoneinfo/")[2]
    name = Path("/etc/timezone")
    if name.is_file():
        yield name.read_text(encoding="utf-8", errors="replace").strip()
