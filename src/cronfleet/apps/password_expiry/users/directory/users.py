"""The users of a directory, as a `UserSource`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cronfleet.apps.password_expiry.users.directory.asking import Asking, Scan, any_of
from cronfleet.apps.password_expiry.users.directory.connecting import SETTING, Directory
from cronfleet.apps.password_expiry.users.directory.entries import (
    COMPUTED,
    CONTROL,
    Attributes,
    Entry,
    Kind,
    id_value,
    user_of,
)
from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.apps.password_expiry.users.source import PAGE, UserPage
from cronfleet.errors import ConfigurationError

_TRIED = 3  # One odd entry is no reason to refuse the others.
_EVERYBODYS = ("entryuuid", "objectguid")  # The directory itself gives each entry one.
_MOST_AT_ONCE = 100  # A filter is taken to pieces, each inside another one.


@dataclass(frozen=True, slots=True)
class Where:
    """Which entries are users: those below a base that a filter lets through."""

    base: str
    filter: str


class DirectoryUsers:
    """Every method raises `DatabaseError`, and blocks."""

    setting: str = SETTING

    def __init__(
        self, directory: Directory, where: Where, attributes: Attributes, kind: Kind
    ) -> None:
        self.shown: str = directory.shown
        self._where = where
        self._attributes = attributes
        self._kind: Kind = kind
        known_there = (CONTROL, COMPUTED) if kind == "activedirectory" else ()
        wanted = dict.fromkeys((*attributes.named.values(), *known_there))
        self._asking = Asking(directory, list(wanted))

    def describe(self) -> str:
        return f"entries below {self._where.base} of {self.shown}"

    def probe(self) -> None:
        self._asking.entry("")

    def check(self) -> None:
        """Find the attributes in the directory's schema, and users by their ids.

        Raises `ConfigurationError`.
        """
        known = self._asking.known()
        for setting, attribute in self._attributes.named.items():
            if known is not None and attribute not in known:
                raise ConfigurationError(
                    f"{setting}: {self.shown} has no attribute {attribute!r}; name one that it has"
                )
        scan = self._asking.begin()
        entries = self._next(scan, _TRIED)
        self._asking.end(scan)
        users = self._users(entries)
        if entries and not users:
            raise ConfigurationError(
                f"USERS_ID_COLUMN: no entry has an attribute {self._attributes.id!r} that this "
                "login may read; name another unique one"
            )
        if users and not self.find([user.key for user in users]):
            raise ConfigurationError(
                f"USERS_ID_COLUMN: no user is found again by {self._attributes.id!r}; name another "
                "unique attribute"
            )

    def page(self, after: object, limit: int = PAGE) -> UserPage:
        """The next users, in the directory's own order; each reader has a connection of its own.

        When that is lost, so is where the reader stood.
        """
        scan = after if isinstance(after, Scan) else self._asking.begin()
        users: list[User] = []
        while not users and not scan.has_ended:
            users = self._users(self._next(scan, limit))
        if scan.has_ended:
            self._asking.end(scan)
        keys = Counter(user.key for user in users)
        return UserPage(users, scan, frozenset(key for key, count in keys.items() if count > 1))

    def without_id(self) -> int:
        """How many entries have none: they are read through, since a directory counts nothing."""
        if self._attributes.id.lower() in _EVERYBODYS:
            return 0
        scan = self._asking.begin()
        none = f"(&{self._where.filter}(!({self._attributes.id}=*)))"
        count = 0
        while not scan.has_ended:
            count += len(self._asking.next(scan, self._where.base, none, PAGE))
        self._asking.end(scan)
        return count

    def find(self, keys: Sequence[str]) -> dict[str, User]:
        # Where several have one key, it is the first one's, as on a page.
        return {user.key: user for user in reversed(self._all_of(keys))}

    def repeated(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of these keys that several entries have now."""
        counts = Counter(user.key for user in self._all_of(keys))
        return frozenset(key for key, count in counts.items() if count > 1)

    def _all_of(self, keys: Sequence[str]) -> list[User]:
        """One for each entry."""
        found: list[User] = []
        for first in range(0, len(keys), _MOST_AT_ONCE):
            some = keys[first : first + _MOST_AT_ONCE]
            ids = any_of(self._attributes.id, (id_value(k, self._attributes.id) for k in some))
            entries = self._asking.below(self._where.base, f"(&{self._where.filter}{ids})")
            # A directory may take upper and lower case for the same.
            found += [user for user in self._users(entries) if user.key in some]
        return found

    def close(self) -> None:
        self._asking.close()

    def _next(self, scan: Scan, limit: int) -> list[Entry]:
        return self._asking.next(scan, self._where.base, self._where.filter, limit)

    def _users(self, entries: Iterable[Entry]) -> list[User]:
        made = (user_of(entry, self._attributes, self._kind) for entry in entries)
        users = [user for user in made if user is not None]
        names = {user.manager for user in users if user.manager and _is_entry(user.manager)}
        # A manager is an entry in most directories, and it is the address of that which counts.
        addresses = {name: self._address_of(name) for name in names}
        if not addresses:
            return users
        return [
            replace(user, manager=addresses[user.manager]) if user.manager in addresses else user
            for user in users
        ]

    def _address_of(self, name: str) -> str | None:
        entry = self._asking.entry(name)
        manager = user_of(entry, self._attributes, self._kind) if entry else None
        return manager.address if manager else None


def _is_entry(name: str) -> bool:
    """Whether it is the name of an entry: an address has neither of these outside of quotes."""
    return "=" in name and "," in name
