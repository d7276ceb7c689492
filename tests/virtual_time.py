"""An event loop on which no time is waited for: when nothing is ready, the next timer is due.

A test module asks for it with

    @pytest.fixture
    def anyio_backend() -> Backend:
        return virtual_time()

and reads the time with `VirtualClock`. Real threads do not take part: what is waited for in one
must be waited for on a loop with real time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any, TypeAlias

START_MS = 1_790_002_800_000
"""What wall clocks show when a loop begins: a whole hour."""

Backend: TypeAlias = tuple[str, dict[str, Any]]


MOST_STEPS_AT_ONCE = 20_000


class NothingLeftToHappenError(AssertionError):
    """Everything waits, and no timer is set."""


class BusyLoopError(AssertionError):
    """So much happens that no time passes."""


class _Leaping(selectors.BaseSelector):
    """Reports what is ready now; instead of waiting for more it moves the time on."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.now_s = 0.0
        self._steps = 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if not ready and timeout is None:
            raise NothingLeftToHappenError
        self._steps += 1
        if self._steps > MOST_STEPS_AT_ONCE:
            raise BusyLoopError
        if not ready and timeout:
            self._steps = 0
            self.now_s += timeout
        return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now_s


def virtual_time() -> Backend:
    return "asyncio", {"loop_factory": VirtualLoop}


def virtual_loop() -> VirtualLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "this test's anyio_backend is not virtual_time()"
    return loop


class VirtualClock:
    """A machine's clocks on the running loop; the wall clock may be set."""

    def __init__(self) -> None:
        self._loop = virtual_loop()
        self._leapt_ms = START_MS

    def wall_ms(self) -> int:
        return self.boot_ms() + self._leapt_ms

    def boot_ms(self) -> int:
        return int(self._loop.time() * 1000 + 1e-6)

    def leap(self, span_ms: int) -> None:
        """Set the wall clock, forward or back, while no time passes."""
        self._leapt_ms += span_ms
