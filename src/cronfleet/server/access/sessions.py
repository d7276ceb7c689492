"""Logins: what the cookie of one says, and the signature that nobody else can make.

A session is kept nowhere. It names the credential that was shown, and holds as long as that does:
every instance that reads the same file of credentials accepts it, and a revoked credential ends
all sessions that were begun with it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cronfleet.server.access.hashing import is_same

LIFETIME_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """One login."""

    id: str
    expires_s: int
    """Seconds since 1970."""
    mark: str
    """Of the credential that it was begun with."""


def new_session(mark: str, now_s: float) -> Session:
    return Session(secrets.token_hex(16), int(now_s) + LIFETIME_S, mark)


def signed(session: Session, key: bytes) -> str:
    """As a cookie carries it."""
    said = f"{session.id}.{session.expires_s}.{session.mark}"
    return f"{said}.{_signature(f'login.{said}', key)}"


def verified(text: str, key: bytes, now_s: float) -> Session | None:
    """The session that `signed` made into this text with the same key, while it lasts."""
    said, _, signature = text.rpartition(".")
    if not is_same(_signature(f"login.{said}", key), signature):
        return None
    id_, expires, mark = said.split(".")
    session = Session(id_, int(expires), mark)
    return session if now_s < session.expires_s else None


def csrf_token(session: Session, key: bytes) -> str:
    """What only the pages of that session know."""
    return _signature(f"csrf.{session.id}", key)


def _signature(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode(errors="replace"), hashlib.sha256).hexdigest()
