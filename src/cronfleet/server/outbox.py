"""What the server asks of an application that keeps an outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol


class SomeNotice(Protocol):
    """What is told of a notice; see the API."""

    @property
    def id(self) -> str: ...
    @property
    def user(self) -> str: ...
    @property
    def stored_date(self) -> str: ...
    @property
    def threshold(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def changed_at(self) -> datetime: ...
    @property
    def not_before(self) -> datetime: ...


class Outbox(Protocol):
    """An application's. Its methods raise CronfleetError while its database is away."""

    @property
    def states(self) -> Sequence[str]:
        """Those in which a notice may be."""
        ...

    async def notices(self) -> Mapping[str, int]:
        """How many there are, by state; every state is there."""
        ...

    async def recent(
        self, limit: int, state: str | None, before: tuple[int, str] | None
    ) -> Sequence[SomeNotice]:
        """Those that changed last, the newest first; of one state, or all.

        `before` is the change, in milliseconds since 1970, and the id of the one they come after.
        """
        ...

    async def decide(self, notice: str, verb: str, *, who: str, why: str) -> SomeNotice:
        """Settle a parked notice: `approve`, `resend` or `drop`; how it stands then.

        Raises UnknownNoticeError and UndecidedNoticeError.
        """
        ...

    async def approve(self, *, who: str, why: str) -> Sequence[str]:
        """Allow that mails are sent, and those that are held; what that was, in words."""
        ...
