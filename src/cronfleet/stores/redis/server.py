"""What a Redis or Valkey server is like, and its errors in our words."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from redis import exceptions

from cronfleet.errors import StoreError, StoreRefusedError, StoreUnavailableError

log: logging.Logger = logging.getLogger(__name__)

OLDEST = {"redis": (6, 2), "valkey": (8, 0)}

# Older servers word it as one, newer ones as the other.
_DENIED_IN_SCRIPT = re.compile("NOPERM|ACL failure in script|executing the script can't")

_CREDENTIALS_HINT = "set REDIS_PASSWORD, or write the password into the URL"


def in_our_words(name: str, error: exceptions.RedisError | OSError) -> StoreError:
    """A driver's error as one of ours: refused if a person must change something."""
    said = str(error)
    if isinstance(error, exceptions.AuthenticationError) or said.startswith(
        ("NOAUTH", "WRONGPASS")
    ):
        return StoreRefusedError(
            f"the store {name} refuses the password: {said}; {_CREDENTIALS_HINT}"
        )
    if isinstance(error, exceptions.MovedError):
        return StoreRefusedError(
            f"the store {name} is a node of a cluster that keeps this fleet on another one "
            f"({said}): name that node, or use a server of its own"
        )
    if isinstance(error, exceptions.NoPermissionError) or _DENIED_IN_SCRIPT.search(said):
        return StoreRefusedError(
            f"the store {name} does not allow what cronfleet needs: {said}; "
            "let its user run EVAL, EVALSHA, INFO, CONFIG GET and the commands on cronfleet:* keys"
        )
    return StoreUnavailableError(name, said or type(error).__name__)


def check(name: str, info: Mapping[str, str], config: Mapping[str, str] | None) -> None:
    """Refuse a server that cannot keep what it acknowledges; warn where it may forget.

    Raises StoreRefusedError. `config` is None where the server does not let us ask.
    """
    _check_version(name, info)
    if config is None:
        log.warning("the store %s does not show its configuration; not checked: eviction", name)
        return
    evicts = config.get("maxmemory-policy", "noeviction") != "noeviction"
    if evicts and config.get("maxmemory", "0") != "0":
        raise StoreRefusedError(
            f"the store {name} evicts keys when it is full ({config['maxmemory-policy']}), and "
            "would forget what ran: set maxmemory-policy noeviction, or use a server of its own"
        )
    if config.get("appendonly") == "no" and not config.get("save"):
        log.warning(
            "the store %s keeps nothing on disk: after its restart nobody knows what ran; "
            "set appendonly yes",
            name,
        )


def _check_version(name: str, info: Mapping[str, str]) -> None:
    kind = "valkey" if "valkey_version" in info else "redis"
    version = info.get(f"{kind}_version", "0.0")
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < OLDEST[kind]:
        oldest = ".".join(str(part) for part in OLDEST[kind])
        raise StoreRefusedError(
            f"the store {name} runs {kind} {version}: {oldest} or newer is needed"
        )
