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
    def changed_at(self) -> datetime: ...


class Outbox(Protocol):
    """An application's. Both raise CronfleetError while its database is away."""

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
