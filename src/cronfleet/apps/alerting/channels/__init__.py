"""Ways for a message to reach somebody."""

from __future__ import annotations

from typing import Protocol

from cronfleet.apps.alerting.message import Message
from cronfleet.errors import CronfleetError


class NotToldError(CronfleetError):
    """Nobody heard the message, as far as is known; it will be told again."""


class Channel(Protocol):
    """A way for messages to reach somebody."""

    @property
    def name(self) -> str:
        """What was told is remembered under this name."""
        ...

    def describe(self) -> str:
        """Where messages go, for a line at the start; without a secret."""
        ...

    async def send(self, message: Message) -> None:
        """Tell it. Raises NotToldError."""
        ...
