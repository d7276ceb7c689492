"""Some users alone, chosen by their ids, instead of all of them."""

from __future__ import annotations

from collections.abc import Sequence

from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.source import PAGE, UserPage, UserSource


class OnlyThese:
    """A source of the users of these ids, as one page."""

    def __init__(self, users: UserSource, keys: Sequence[str]) -> None:
        self._users = users
        self._keys = keys

    @property
    def setting(self) -> str:
        return self._users.setting

    @property
    def shown(self) -> str:
        return self._users.shown

    def describe(self) -> str:
        return self._users.describe()

    def probe(self) -> None:
        self._users.probe()

    def check(self) -> None:
        self._users.check()

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """All that are found."""
        found = self.find(self._keys) if after is None else {}
        return UserPage(list(found.values()), self._keys)

    def without_id(self) -> int:
        """They have one."""
        return 0

    def find(self, keys: Sequence[str]) -> dict[str, User]:
        return self._users.find(keys)

    def close(self) -> None:
        self._users.close()
