"""Find the users whose passwords have expired, and mail each of them once.

Configured by settings alone: `register(scheduler, settings)` is all there is to do.
"""

from __future__ import annotations

from cronfleet.errors import MissingExtraError

try:
    from cronfleet.apps.password_expiry.app import DELIVERY_JOB, JOB, PasswordExpiry
    from cronfleet.apps.password_expiry.databases.databases import DatabaseError, OddValueError
    from cronfleet.apps.password_expiry.pages.page import MailboxMail, PasswordExpiryPage
    from cronfleet.apps.password_expiry.registering import register
    from cronfleet.apps.password_expiry.users.policy import User
    from cronfleet.apps.password_expiry.users.source import Divisible, Pages, UserPage, UserSource
except ModuleNotFoundError as _error:
    if (_error.name or "").partition(".")[0] == "cronfleet":
        raise
    raise MissingExtraError("the password-expiry application", "password-expiry") from _error

__all__ = [
    "DELIVERY_JOB",
    "JOB",
    "DatabaseError",
    "Divisible",
    "MailboxMail",
    "OddValueError",
    "Pages",
    "PasswordExpiry",
    "PasswordExpiryPage",
    "User",
    "UserPage",
    "UserSource",
    "register",
]
