"""Looking at the users again: whether a notice is still the one that is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from cronfleet.apps.password_expiry.databases.databases import DatabaseError, OddValueError
from cronfleet.apps.password_expiry.users.judging import Judge
from cronfleet.apps.password_expiry.users.policy import BadRowError, NoticeKey, User
from cronfleet.apps.password_expiry.users.source import UserSource

Look: TypeAlias = User | str | DatabaseError
"""The user, why the notice is no longer the one that is due, or why that cannot be known."""


class Looking:
    """One run's looks at the users."""

    def __init__(self, users: UserSource, judge: Judge) -> None:
        self._users = users
        self._judge = judge

    def look(self, keys: Sequence[NoticeKey]) -> list[Look]:
        """For each notice its user as stored now. Blocks."""
        if not keys:
            return []
        try:
            found = self._users.find([key.user for key in keys])
        except OddValueError as error:  # One user's alone: the others are found.
            return [error] if len(keys) == 1 else [self.look([key])[0] for key in keys]
        except DatabaseError as error:
            return [error for _ in keys]
        return [self._judged(key, found.get(key.user)) for key in keys]

    def _judged(self, key: NoticeKey, user: User | None) -> Look:
        if user is None:
            return "no user has this id any more"
        try:
            due = self._judge.user(user)
        except BadRowError as error:
            return str(error)
        return user if key in due else "no longer due"
