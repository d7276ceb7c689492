"""The bundled application as a process that is killed and started again, until it may end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.chaos.processes import Process, Program

ROOT = Path(__file__).parents[3]
LOOK_S = 0.1


def application(
    name: str, store: str, ttl_ms: int, folder: Path, settings: Mapping[str, str]
) -> Program:
    """With these settings beside what every campaign needs; its log is in the folder."""
    environment = {
        **os.environ,
        "CRON_SCHEDULE": "* * * * * *",
        "CANARY_PERCENT": "100",  # Each of these users is due at once, and that is meant.
        "CANARY_TIMES": "1000000",
        "DRY_RUN": "false",
        "MAIL_SENDER": "smtp",
        "SMTP_HOST": "127.0.0.1",
        "CRONFLEET_DATA_DIR": str(folder / "data"),
        **settings,
    }
    module = [sys.executable, "-m", "tests.chaos.outbox.instance"]
    return Program([*module, store, str(ttl_ms)], folder / f"{name}.log", environment, ROOT)


def await_ends(processes: Collection[Process], patience_s: float) -> None:
    """Wait until all that were told to end have ended."""
    pause, ends = threading.Event(), time.monotonic() + patience_s
    while not all(process.has_ended() for process in processes):
        assert time.monotonic() < ends, "an instance does not end"
        pause.wait(LOOK_S)
