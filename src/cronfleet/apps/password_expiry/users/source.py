"""Where users come from: what the application asks of a source, whichever it is.

A source of your own is an object with these methods, given to `register`. It is asked from worker
threads, by several at a time, and may block. What it raises is `DatabaseError`: nothing could be
read for now, in one line without a password; or `OddValueError`, when it is about single users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from cronfleet.apps.password_expiry.users.policy import User

PAGE = 500


@dataclass(frozen=True, slots=True)
class UserPage:
    """Some users; `last_id` is where the next page begins after, in whatever the source counts.

    `repeated` are ids that stand in several rows: which of them is meant, nobody can say.
    """

    users: list[User]
    last_id: object
    repeated: frozenset[str] = frozenset()


class Pages(Protocol):
    """What is read page by page: all users, or a part of them."""

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """As that of a `UserSource`."""
        ...


@runtime_checkable
class Divisible(Protocol):
    """What a source can do besides, if its users may be read in parts, with `USERS_SHARDS`.

    The parts of a run are cut at the same bounds, whichever instance reads them, however long after
    one another: so each user is in one of them, also one who is new since the bounds were found.
    """

    def bounds(self, parts: int) -> Sequence[str]:
        """The users between the parts, each the last one of a part; in the order of the pages.

        One fewer than parts, which are about equally great; or fewer still, and then there are
        fewer parts.
        """
        ...

    def part(self, after: str | None, until: str | None) -> Pages:
        """The users behind one bound, up to another and with it; None is before or behind all."""
        ...


@runtime_checkable
class TellsRepeated(Protocol):
    """What a source can do besides, if an id may stand in several of its rows."""

    def repeated(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of these keys that do, as stored now: which row is meant, nobody can say."""
        ...


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


def undivided(shown: str) -> str:
    """What is wrong with users of one that is not `Divisible`."""
    return f"USERS_SHARDS: {shown} cannot be read in parts; write 1, or leave it out"


def part_of(users: Divisible, number: int, bounds: Sequence[str]) -> Pages:
    """The part of this number, from 0; there may be fewer of them."""
    if number > len(bounds):
        return _Nobody()
    after = bounds[number - 1] if number else None
    return users.part(after, bounds[number] if number < len(bounds) else None)


class _Nobody:
    """A part without users."""

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        return UserPage([], after)
