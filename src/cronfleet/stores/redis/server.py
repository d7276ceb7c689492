"""What a Redis or Valkey server is like, and its errors in our words."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from redis import exceptions

from cronfleet.errors import StoreError, StoreRefusedError, StoreUnavailableError

log: logging.Logger = logging.getLogger(__name__)

_OLDEST = {"redis": (6, 2), "valkey": (8, 0)}

# Where a script failed inside, an older server says so first and the reason after a hyphen.
_AWAY = re.compile(
    r"(?:^|-)(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN"
    r"|UNKILLABLE)\b"
)
_PASSWORD = re.compile(r"^(?:NOAUTH|WRONGPASS|DENIED)\b")
NO_DATABASE = re.compile(r"DB index is out of range|invalid DB index")
_NOT_ALLOWED = re.compile(
    r"(?:^|-)NOPERM\b|ACL failure in script|executing the script can't run this command"
)

# The driver drops the code of those that it has a class for.
_AWAY_CLASSES = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterDownError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
    exceptions.TryAgainError,
    OSError,
)
_PASSWORD_CLASSES = (
    exceptions.AuthenticationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.AuthorizationError,
)


@dataclass(frozen=True, slots=True)
class Description:
    """What a server says of itself; None for what it does not let us ask."""

    info: Mapping[str, Any] | None
    save: str | None
    """When it writes its data to a file; empty for never."""
    replication: str | None
    """What it tells scripts about its replication."""


@contextmanager
def errors_in_our_words(name: str) -> Generator[None]:
    """Raises a StoreError in place of any error of the driver."""
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise in_our_words(name, error) from error


def in_our_words(name: str, error: Exception) -> StoreError:
    """An error of the driver's as one of ours: refused where a person must change something."""
    said = str(error).rstrip(".") or type(error).__name__
    if isinstance(error, _PASSWORD_CLASSES) or _PASSWORD.search(said):
        return StoreRefusedError(
            f"the store {name} refuses the password: {said}. Set REDIS_PASSWORD, or write the "
            "password into the URL, as redis://:password@host:6379/0"
        )
    if isinstance(error, exceptions.NoPermissionError) or _NOT_ALLOWED.search(said):
        return StoreRefusedError(
            f"the store {name} does not allow what cronfleet needs: {said}. Give its user "
            "~cronfleet:* +@all -@dangerous +info"
        )
    if NO_DATABASE.search(said):
        return StoreRefusedError(
            f"the store {name} has no database of that number: end its URL with a lower one, as in "
            "redis://host:6379/0"
        )
    if isinstance(error, exceptions.MovedError):
        return StoreRefusedError(
            f"the store {name} is a node of a cluster that keeps this fleet on another one "
            f"({said}): name that node, or use a server of its own"
        )
    if isinstance(error, _AWAY_CLASSES) or _AWAY.search(said):
        return StoreUnavailableError(name, said)
    return StoreError(f"the store {name} answered what cannot be worked with: {said}")


def check(name: str, server: Description) -> None:
    """Refuse a server that cannot keep what it acknowledges; warn where it may forget.

    Raises StoreRefusedError.
    """
    if server.info is None:
        log.warning("the store %s does not let us ask its version, nor whether it evicts", name)
    else:
        _check_version(name, server.info)
        _check_eviction(name, server.info)
        _check_persistence(name, server.info, server.save)
    if server.replication is None:
        log.warning(
            "the store %s does not tell scripts about its replication: a failover goes unnoticed",
            name,
        )


def _check_version(name: str, info: Mapping[str, Any]) -> None:
    kind = "valkey" if "valkey_version" in info else "redis"
    version = str(info[f"{kind}_version"])
    oldest = _OLDEST[kind]
    if tuple(int(part) for part in version.split(".")[:2]) < oldest:
        raise StoreRefusedError(
            f"the store {name} runs {kind} {version}: use {oldest[0]}.{oldest[1]} or newer"
        )


def _check_eviction(name: str, info: Mapping[str, Any]) -> None:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and info.get("maxmemory"):
        raise StoreRefusedError(
            f"the store {name} deletes keys when its memory is full (maxmemory-policy {policy}), "
            "and would forget which ticks ran: set maxmemory-policy noeviction, or use a server "
            "that is no cache"
        )


def _check_persistence(name: str, info: Mapping[str, Any], save: str | None) -> None:
    if not info.get("aof_enabled") and save == "":
        log.warning(
            "the store %s keeps nothing on disk: when it restarts, nobody knows what ran; "
            "set appendonly yes",
            name,
        )
