"""Where users come from: what the application asks of a source, whichever it is.

A source of your own is an object with these methods, given to `register`. It is asked from worker
threads, by several at a time, and may block. What it raises is `DatabaseError`: nothing could be
read for now, in one line without a password; or `OddValueError`, when it is about single users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cronfleet.apps.password_expiry.policy import User

PAGE = 500


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some users; `last_id` is where the next page begins after, in whatever the source counts.

    `repeated` are ids that stand in several rows: which of them is meant, nobody can say.
    """

    users: list[User]
    last_id: object
    repeated: frozenset[str] = frozenset()


class UserSource(Protocol):
    """The users, read only.

    A user's `key` must be unique and stay the same: with the stored date and the threshold it is
    what a notice is known by.
    """

    @property
    def setting(self) -> str:
        """The name of the setting that chose it, for messages."""
        ...

    @property
    def shown(self) -> str:
        """Where it is, for messages; without a password."""
        ...

    def describe(self) -> str:
        """What users these are, for a line at the start and the page."""
        ...

    def probe(self) -> None:
        """Ask for anything at all, to see whether it answers."""
        ...

    def check(self) -> None:
        """See whether all that is needed is there. Called once, before all that follows.

        Raises `ConfigurationError`, with a line that says what to write.
        """
        ...

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """The users behind `after`, which is a `last_id`; None is before the first one.

        Each user is on one page. A page without users is the end.
        """
        ...

    def without_id(self) -> int:
        """How many users have no id, and are on no page."""
        ...

    def find(self, keys: Sequence[str]) -> dict[str, User]:
        """The users of these keys that are there, as stored now: never from a cache.

        Asked for each notice once more just before its mail is handed over.
        """
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
