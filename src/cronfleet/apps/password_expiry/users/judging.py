"""What the users of a page are due, by the rule and the copies. Pure.

Whoever foretells a run judges as the run itself does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from cronfleet.apps.password_expiry.users.copies import NO_COPIES, Copies
from cronfleet.apps.password_expiry.users.policy import BadRowError, ExpiryRule, NoticeKey, User
from cronfleet.apps.password_expiry.users.source import UserPage

Complaint: TypeAlias = tuple[str, str]
"""A user's id, and what is wrong with its row."""

_NOT_UNIQUE = "its id stands in several rows; name a unique column with USERS_ID_COLUMN"


@dataclass(slots=True)
class Judged:
    """The notices that are due, each with its user; rows that cannot be read; and all expiries."""

    due: dict[NoticeKey, User] = field(default_factory=dict[NoticeKey, User])
    bad: list[Complaint] = field(default_factory=list[Complaint])
    expiries: list[datetime] = field(default_factory=list[datetime])


@dataclass(frozen=True, slots=True)
class Judge:
    """Of one run, by its instant."""

    rule: ExpiryRule
    now: datetime
    copies: Copies = NO_COPIES

    def page(self, page: UserPage) -> Judged:
        """Each row by itself: none that is bad keeps another from its notice."""
        judged = Judged()
        for user in page.users:
            if user.key in page.repeated:
                judged.bad.append((user.key, _NOT_UNIQUE))
                continue
            try:
                outlook = self.rule.outlook(user, self.now)
            except BadRowError as error:
                judged.bad.append((user.key, str(error)))
                continue
            if outlook.expiry is not None:
                judged.expiries.append(outlook.expiry)
            judged.due |= dict.fromkeys(self.copies.with_copy(user, outlook.notice), user)
        return judged

    def user(self, user: User) -> list[NoticeKey]:
        """The notices that one user is due. Raises `BadRowError`."""
        return self.copies.with_copy(user, self.rule.due_notice(user, self.now))
