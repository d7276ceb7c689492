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
        self._slept_ms = 0
        self._asleep_since_ms: int | None = None
        self._woke_ms: int | None = None
        self._boot = chance.randrange(1 << 40)
        self._wrong_ms = chance.randrange(-DAY_MS, DAY_MS)

    def fall_asleep(self) -> None:
        """It stands still from now on."""
        if self._asleep_since_ms is None:
            self._asleep_since_ms = self._loop.now_ms

    def wake(self) -> None:
        """It goes on from where it stood, if it stood."""
        if self._asleep_since_ms is not None:
            self._woke_ms = self._loop.now_ms
            self._slept_ms += self._woke_ms - self._asleep_since_ms
            self._asleep_since_ms = None

    def has_slept_within(self, span_ms: int) -> bool:
        """Whether it woke so recently, by true time."""
        return self._woke_ms is not None and self._loop.now_ms - self._woke_ms <= span_ms

    def boot_ms(self) -> int:
        now_ms = self._loop.now_ms if self._asleep_since_ms is None else self._asleep_since_ms
        return self._boot + int((now_ms - self._slept_ms) * self._rate)

    def wall_ms(self) -> int:
        return EPOCH_MS + self._wrong_ms + self._loop.now_ms
