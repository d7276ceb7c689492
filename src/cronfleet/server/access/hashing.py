"""Tokens and passwords: how they are made, and how they are compared with what is kept of them."""

from __future__ import annotations

import hashlib
import hmac
import secrets

_PREFIX = "cf_"  # By which those who look for leaked secrets know one.
_TOKEN_BYTES = 32
_COST, _BLOCK, _LANES = 2**15, 8, 1
_MEMORY_BYTES = 2 * 128 * _COST * _BLOCK
"""Twice what scrypt takes: OpenSSL counts a little more than that."""

LONGEST_PASSWORD = 1024
SHORTEST_PASSWORD = 12


def new_token() -> str:
    """256 bits by chance, in letters that need no quoting anywhere."""
    return _PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def password_hash(password: str) -> str:
    """The salt and the key that scrypt makes of it."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}.{_key(password, salt).hex()}"


def is_same(one: str, other: str) -> bool:
    """In a time that does not tell how much of them is the same."""
    return hmac.compare_digest(one.encode(), other.encode())


def is_password(password: str, kept: str) -> bool:
    """Takes some 0.1 s and 32 MiB. `kept` is what `password_hash` made."""
    salt, _, key = kept.partition(".")
    return is_same(_key(password, bytes.fromhex(salt)).hex(), key)


NOBODYS_PASSWORD = f"{bytes(16).hex()}.{bytes(32).hex()}"
"""To compare with where there is no account: that takes as long as where there is one."""


def _key(password: str, salt: bytes) -> bytes:
    given = password[:LONGEST_PASSWORD].encode(errors="replace")
    return hashlib.scrypt(
        given, salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=_MEMORY_BYTES, dklen=32
    )
