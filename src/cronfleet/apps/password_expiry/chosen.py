"""Some users alone, chosen by their ids, instead of all of them."""

from __future__ import annotations

from collections.abc import Sequence

from cronfleet.apps.password_expiry.policy import User
from cronfleet.apps.password_expiry.users import PAGE, UserPage, UserTable


class OnlyThese(UserTable):
    """The users of these ids, as one page."""

    def __init__(self, users: UserTable, keys: Sequence[str]) -> None:
        self._users = users
        self._keys = keys
        self.database = users.database

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """All that are found."""
        found = self.find(self._keys) if after is None else {}
        return UserPage(list(found.values()), self._keys)

    def without_id(self) -> int:
        """They have one."""
        return 0

    def find(self, keys: Sequence[str]) -> dict[str, User]:
        """See `UserTable.find`."""
        return self._users.find(keys)
