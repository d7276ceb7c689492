"""SIGTERM and SIGINT, as a program that drains takes them."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable

log: logging.Logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignals:
    """The first signal ends the start or begins the drain, the second hurries the drain.

    A third is the system's again, and ends the process.

    Made in the main thread by the task that starts: until `has_joined` a signal cancels that task.
    It sets `stop` as well, since a driver may take the cancellation for an error of its own, or the
    start may be over as it comes.
    """

    def __init__(self, hurry: Callable[[], None]) -> None:
        self.stop: asyncio.Event = asyncio.Event()
        self._hurry = hurry
        self._starting = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        for each in SIGNALS:
            self._loop.add_signal_handler(each, self._heard)

    def has_joined(self) -> None:
        """From now on there is something to drain."""
        self._starting = None

    def _heard(self) -> None:
        if self._starting is not None:
            self.stop.set()
            self._starting.cancel()
        elif self.stop.is_set():
            self._hurry()
            for each in SIGNALS:
                self._loop.remove_signal_handler(each)
        else:
            log.info("stopping: nothing more is claimed; a second signal cancels what still runs")
            self.stop.set()
