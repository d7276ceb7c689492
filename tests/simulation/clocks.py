"""The clocks of the store's machine and of the instances'. True time is the loop's."""

from __future__ import annotations

from random import Random

from tests.simulation.loop import FaultyLoop

EPOCH_MS = 1_790_002_800_000
"""What wall clocks that go right show when the history begins: a whole hour."""

DAY_MS = 86_400_000


class StoreClock:
    """It may be set, forward or back."""

    def __init__(self, loop: FaultyLoop) -> None:
        self._loop = loop
        self.leapt_ms = 0

    def wall_ms(self) -> int:
        return EPOCH_MS + self._loop.now_ms + self.leapt_ms

    def boot_ms(self) -> int:
        return self._loop.now_ms


class ProcessClock:
    """It goes at a rate of its own, stands still when its machine does, and is up to a day wrong."""

    def __init__(self, loop: FaultyLoop, rate: float, chance: Random) -> None:
        self._loop = loop
        self._rate = rate
        self.slept_ms = 0
        self._woke_ms: int | None = None
        self._boot = chance.randrange(1 << 40)
        self._wrong_ms = chance.randrange(-DAY_MS, DAY_MS)

    def sleep_is_over(self, slept_ms: int) -> None:
        """It stood still for so long, and goes from now on."""
        self.slept_ms += slept_ms
        self._woke_ms = self._loop.now_ms

    def has_slept_within(self, span_ms: int) -> bool:
        """Whether it woke so recently, by true time."""
        return self._woke_ms is not None and self._loop.now_ms - self._woke_ms <= span_ms

    def boot_ms(self) -> int:
        return self._boot + int((self._loop.now_ms - self.slept_ms) * self._rate)

    def wall_ms(self) -> int:
        return EPOCH_MS + self._wrong_ms + self._loop.now_ms
