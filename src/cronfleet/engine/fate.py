"""What a session tells the instance that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cronfleet.engine.renewal import News
from cronfleet.model import Instant, SessionId
from cronfleet.store import CancelAsked, Swept


class Fate(Protocol):
    """Who is told what becomes of the session."""

    async def declare(self, session: SessionId, now: Instant) -> None:
        """Declare the jobs: the session is new, or other definitions went away."""
        ...

    async def settle_until(self, until: Instant) -> None:
        """Settle what the jobs expect up to the instant: it may have run in another store."""
        ...

    def session_ends_soon(self, session: SessionId) -> None:
        """It could not be renewed in time, and may be closed soon."""
        ...

    def session_lost(self, session: SessionId) -> None:
        """It is closed: its runs are another's."""
        ...

    def clock_leapt(self) -> None:
        """The store's clock moved otherwise than this instance's."""
        ...

    def run_swept(self, swept: Swept) -> None:
        """A run was taken back from a dead session."""
        ...

    def cancels_asked(self, asked: Sequence[CancelAsked]) -> None:
        """The session is to cancel these runs; it is told again until they have ended."""
        ...

    def heard(self, news: News) -> None:
        """What there is to hear of renewals, before the session takes it in."""
        ...

    def held_seen(self, held: int) -> None:
        """How many runs the store says that the session holds."""
        ...
