"""What a program leaves at work in a thread is stopped when the program ends."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Protocol
from weakref import WeakSet

log: logging.Logger = logging.getLogger(__name__)


class AtWork(Protocol):
    """Something that works in a thread."""

    def stop(self) -> None:
        """Come to an end, and wait for that. Repeatable."""
        ...


_at_work: WeakSet[AtWork] = WeakSet()
_is_registered = False


def stops_when_the_program_ends(work: AtWork) -> None:
    """Have its `stop` called when the main thread has ended, and others may still be made."""
    global _is_registered  # noqa: PLW0603 - once for the process
    _at_work.add(work)
    if _is_registered:
        return
    # What `atexit` calls comes too late: by then no pool of threads takes any work. These are
    # called the last first, so before those of the pools, which must be there already.
    import_module("concurrent.futures.thread")
    register: Callable[[Callable[[], None]], object]
    register = getattr(threading, "_register_atexit", atexit.register)  # It has no public name.
    register(_stop_all)
    _is_registered = True


def _stop_all() -> None:
    for work in list(_at_work):
        try:
            work.stop()
        except BaseException as error:  # noqa: BLE001 - nobody is left to hear it
            log.warning("not stopped in order at the program's end: %r", error)
