"""How long something is so on end, and when a person hears of it: rules of time alone."""

from __future__ import annotations

from cronfleet.model import Instant

LONGEST_APART_MS = 5_000
"""What was not looked at for longer than that may have been otherwise meanwhile."""

QUIET_MS = 600_000
"""An alarm rings again only when all has been well for so long."""


class Spell:
    """For how long something has been so, as far as it was looked at."""

    def __init__(self) -> None:
        self._since: Instant | None = None
        self._looked_at: Instant = 0

    def lasts_ms(self, now: Instant, *, is_so: bool) -> int:
        """How long it has been so on end at `now`, by a clock that nobody sets; 0 if it is not."""
        was_away = now - self._looked_at > LONGEST_APART_MS
        self._looked_at = now
        if not is_so:
            self._since = None
        elif self._since is None or was_away:
            self._since = now
        return 0 if self._since is None else now - self._since


class Alarm:
    """Rings once for a whole row of bad times, until all has been well for long."""

    def __init__(self) -> None:
        self.is_on: bool = False
        """Whether it has rung, and it is not sure yet that it is over."""
        self._well = Spell()

    def rings(self, now: Instant, *, is_bad: bool) -> bool:
        """Whether somebody is to be told just now."""
        well_ms = self._well.lasts_ms(now, is_so=not is_bad)
        was_on, self.is_on = self.is_on, is_bad or (self.is_on and well_ms < QUIET_MS)
        return self.is_on and not was_on
