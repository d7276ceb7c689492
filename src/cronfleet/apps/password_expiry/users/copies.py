"""Copies for a user's manager: each is a notice of its own, with a mail and an end of its own. Pure.

A mail to two recipients could be accepted for one and refused for the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cronfleet.apps.password_expiry.users.policy import NoticeKey, User

COPY = "/manager"
"""How the threshold of a copy's notice ends."""


@dataclass(frozen=True, slots=True)
class Copies:
    """Of the notices with which `thresholds` a user's manager gets a copy."""

    thresholds: frozenset[str] = frozenset()

    def with_copy(self, user: User, key: NoticeKey | None) -> list[NoticeKey]:
        """The notices to make where `key` is due; `recipient_of` says whom each is for."""
        if key is None:
            return []
        if key.threshold in self.thresholds and _manager_of(user):
            return [key, replace(key, threshold=key.threshold + COPY)]
        return [key]


NO_COPIES = Copies()


def recipient_of(user: User, key: NoticeKey) -> str:
    """Whom the notice is for: an address as it is stored, not checked."""
    return _manager_of(user) if is_copy(key) else user.address or ""


def is_copy(key: NoticeKey) -> bool:
    return key.threshold.endswith(COPY)


def _manager_of(user: User) -> str:
    """Who is their own manager knows already."""
    manager = (user.manager or "").strip()
    is_user = manager.casefold() == (user.address or "").strip().casefold()
    return "" if is_user else manager
