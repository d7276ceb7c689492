"""Some users alone, chosen by their ids, instead of all of them."""

from __future__ import annotations

from collections.abc import Sequence

from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.source import PAGE, TellsRepeated, UserPage, UserSource
from cronfleet.errors import ConfigurationError


class OnlyThese:
    """A source of the users of these ids, as one page."""

    def __init__(self, users: UserSource, keys: Sequence[str]) -> None:
        self._users = users
        self._keys = list(dict.fromkeys(keys))

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
        """See whether each of them is there, once. Raises `ConfigurationError`, which names them.

        The users that they are chosen from have been checked before.
        """
        found = self.find(self._keys)
        if missing := [key for key in self._keys if key not in found]:
            raise ConfigurationError(f"no user has the id {_listed(missing)}")
        if repeated := sorted(self._repeated()):
            raise ConfigurationError(
                f"the id {_listed(repeated)} stands in several rows: which user is meant, nobody can "
                "say; name a unique column with USERS_ID_COLUMN"
            )

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """All that are found."""
        if after is not None:
            return UserPage([], after)
        return UserPage(list(self.find(self._keys).values()), self._keys, self._repeated())

    def without_id(self) -> int:
        """They have one."""
        return 0

    def find(self, keys: Sequence[str]) -> dict[str, User]:
        return self._users.find(keys)

    def close(self) -> None:
        self._users.close()

    def _repeated(self) -> frozenset[str]:
        users = self._users
        return users.repeated(self._keys) if isinstance(users, TellsRepeated) else frozenset()


def _listed(keys: Sequence[str]) -> str:
    return ", ".join(map(repr, keys))
