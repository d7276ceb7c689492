"""Secrets in URLs, hidden."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote

_HIDDEN = "***"
# Both look at each character a bounded number of times: what is logged may be long.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,39}://\S+")
_SECRETS_IN_QUERY = re.compile(
    r"(?i)([?&;](?=[^=&;]*=)[^=&;]*(?:pass|pw|secret|token)[^=&;]*=)[^&]*"
)


def masked(url: str) -> str:
    """A URL as it may be shown: a password in it, before the @ or in the query, becomes `***`.

    In doubt it hides too much: in a password, anything may stand that was not percent-encoded.
    """
    before, separator, after = url.partition("://")
    start, rest = (before + separator, after) if separator else ("", url)
    shown = _SECRETS_IN_QUERY.sub(rf"\1{_HIDDEN}", rest)
    if shown.count("@") != rest.count("@"):  # It cannot be told where the password ends.
        return f"{start}{_HIDDEN}"
    login, at, place = shown.rpartition("@")
    user, colon, _ = login.partition(":")
    if colon:
        shown = f"{_safe(user)}:{_HIDDEN}{at}{place}"
    return f"{start}{shown}"


def password_in(url: str) -> str:
    """The password before the @ of a URL, as it is and not as it is written; empty without one."""
    login, _, _ = url.partition("://")[2].rpartition("@")
    return unquote(login.partition(":")[2])


def with_urls_masked(text: str) -> str:
    """The text, with the passwords hidden that stand in URLs."""
    return _URL.sub(lambda found: masked(found[0]), text) if "://" in text else text


def _safe(user: str) -> str:
    """The user's name, unless it looks like a part of something else."""
    return user if re.fullmatch(r"[^/?#\s]*", user) else _HIDDEN


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """What somebody else wrote, on one line, without these secrets in any way to write them."""
    return " ".join(without(secrets, text).split())


def without(secrets: Iterable[str], text: str) -> str:
    """The same, its lines left as they are."""
    written = {way for secret in secrets for way in _ways_to_write(secret)}
    for way in sorted(filter(None, written), key=len, reverse=True):
        text = text.replace(way, _HIDDEN)
    return text


def _ways_to_write(secret: str) -> Iterator[str]:
    yield from (secret, repr(secret)[1:-1], quote(secret, safe=""), quote(secret))
    # A message may break where the secret does.
    yield from (word for word in secret.split() if len(word) > 2)


def is_secret(name: str) -> bool:
    """Whether an option of that name holds a secret."""
    return bool(_SECRETS_IN_QUERY.fullmatch(f"?{name}="))
