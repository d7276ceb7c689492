"""How a mail leaves: a sender takes it, and says honestly what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from cronfleet.errors import CronfleetError


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail ready to go: the envelope in ASCII, and the bytes, with CRLF, under a lasting id."""

    id: str
    sender: str
    recipient: str
    content: bytes


class HandOff(Protocol):
    """Commits that the mail may be accepted from now on. False, or raising: it must not be sent."""

    def __call__(self, by: str | None = None, /) -> Awaitable[bool]:
        """`by` is the name of the sender that goes on with it; None: the one that was asked."""
        ...


Following: TypeAlias = Callable[[], Mail | None]
"""Asked after a hand-off: the mail that will be sent next after this one, if that is known."""


async def always(_by: str | None = None, /) -> bool:
    """A hand-off of what may be sent twice, and is kept in no outbox."""
    return True


def unknown() -> Mail | None:
    """What follows is not known."""
    return None


class Answer(Enum):
    """What became of a mail."""

    ACCEPTED = "accepted"
    LATER = "later"  # surely not accepted; it may be when tried again
    REFUSED = "refused"  # surely not accepted, and never will be
    NOBODY = "nobody"  # surely not accepted, and for now no other mail will be either
    UNKNOWN = "unknown"  # it may have been accepted
    NOT_WANTED = "not wanted"  # `hand_off` said no, and nothing was sent


MAY_HAVE_ARRIVED: frozenset[Answer] = frozenset({Answer.ACCEPTED, Answer.UNKNOWN})
"""Enough for what is to be heard of once at least, and is kept in no outbox."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """The answer, and in one line what was said; never the recipient's address.

    `is_gone`: a refusal since the mailbox does not exist or is disabled, so that no other mail will
    ever arrive there. `by`: the name of the sender that answered, where there are several in order.
    """

    answer: Answer
    said: str = ""
    is_gone: bool = False
    by: str | None = None


class SenderUnavailableError(CronfleetError):
    """Nothing can be sent for now, to anyone: no notice is worse off for having tried."""


class SenderRefusedError(SenderUnavailableError):
    """As it is configured, nothing can be sent, however long one waits."""


class Sender(Protocol):
    """A way for mails to leave."""

    @property
    def name(self) -> str:
        """As in MAIL_SENDER; it is noted with a notice whose sender took it. 20 letters at most."""
        ...

    @property
    def reaches_people(self) -> bool:
        """Whether someone may read what is sent here."""
        ...

    @property
    def at_a_time(self) -> int:
        """How many `send` are to be under way at a time, at most; more would do no harm."""
        ...

    def describe(self) -> str:
        """Where the mails go, for a line at the start; without a password."""
        ...

    async def ready(self) -> None:
        """Make ready for one `send`, so that it begins at once. Raises `SenderUnavailableError`."""
        ...

    async def check(self) -> None:
        """See whether it could send now, without sending; changes nothing.

        Raises `SenderUnavailableError`.
        """
        ...

    async def send(
        self, mail: Mail, hand_off: HandOff, following: Following = unknown
    ) -> SendResult:
        """Send a mail, with `hand_off` awaited just before it can be accepted, and only once.

        The mail that follows may be announced to the server with this one. It has a `send` of its
        own, and a hand-off of its own; without one it is never sent.
        Raises `SenderUnavailableError` before the hand-off, never after it. What else it raises
        before the hand-off has sent nothing; after it, a cancellation included, it is not known.
        """
        ...

    async def close(self) -> None:
        """Give up connections. It may be used again afterwards."""
        ...
