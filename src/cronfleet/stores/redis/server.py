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
from cronfleet.promise import RedisFacts

log: logging.Logger = logging.getLogger(__name__)

_OLDEST = {"redis": (6, 2), "valkey": (8, 0)}

# Where a script failed inside, an older server says so first and the reason after a hyphen.
_AWAY = re.compile(
    r"(?:^|-)(?:BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOREPLICAS|OOM|READONLY|TRYAGAIN"
    r"|UNBLOCKED|UNKILLABLE)\b"
)
_NO_PRIMARY = re.compile(r"(?:^|-)(?:READONLY|CLUSTERDOWN|MASTERDOWN|UNBLOCKED)\b")
_CERTIFICATE = re.compile(r"CERTIFICATE_VERIFY_FAILED|CERTIFICATE_REQUIRED|BAD_CERTIFICATE")
_NO_TLS = re.compile(r"WRONG_VERSION_NUMBER|RECORD_LAYER_FAILURE")
_PASSWORD = re.compile(r"^(?:NOAUTH|WRONGPASS|DENIED)\b")
_NO_CLUSTER = re.compile(r"cluster support disabled|unknown command .CLUSTER\b")
_NO_DATABASE = re.compile(r"DB index is out of range|invalid DB index")
_UNKNOWN = re.compile(r"unknown (?:redis )?(?:sub)?command", re.IGNORECASE)
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
_GONE_CLASSES = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.ClusterDownError,
    exceptions.ReadOnlyError,
    exceptions.AskError,
    OSError,
)
_PASSWORD_CLASSES = (
    exceptions.AuthenticationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.AuthorizationError,
)


class SentinelRefusedError(exceptions.RedisError):
    """A sentinel wants something changed; the message says what."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a server says of itself; None for what it does not let us ask."""

    info: Mapping[str, Any] | None
    save: str | None
    """When it writes its data to a file; empty for never."""
    replication: str | None
    """What it tells scripts about its replication."""
    appendfsync: str | None = None
    """When it syncs its append-only file."""
    standbys: int = 0
    """How many replicas may be promoted, as far as others know; also those that are down."""

    @property
    def facts(self) -> RedisFacts:
        """What its promise depends on."""
        info = self.info or {}
        kind = "valkey" if "valkey_version" in info else "redis"
        return RedisFacts(
            kind=kind.capitalize(),
            version=_text_if_said(info.get(f"{kind}_version")),
            aof=None if self.info is None else bool(info.get("aof_enabled")),
            appendfsync=self.appendfsync,
            save=self.save,
            replicas=info.get("connected_slaves"),
            eviction=None if self.info is None else info.get("maxmemory_policy", "noeviction"),
            tells_scripts=self.replication is not None,
        )


def _text_if_said(value: object) -> str | None:
    return None if value is None else str(value)


@contextmanager
def errors_in_our_words(name: str) -> Generator[None]:
    """Raises a StoreError in place of any error of the driver."""
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        raise in_our_words(name, error) from error


def is_elsewhere(error: Exception) -> bool:
    """Whether the primary had better be looked for: this server is gone, or is none any more."""
    return isinstance(error, _GONE_CLASSES) or bool(_NO_PRIMARY.search(str(error)))


def is_not_allowed(error: Exception) -> bool:
    """Whether the server hides what was asked, from us or from everybody."""
    return _is_forbidden(error) or bool(_UNKNOWN.search(str(error)))


def _is_forbidden(error: Exception) -> bool:
    is_said = isinstance(error, exceptions.NoPermissionError)
    return is_said or bool(_NOT_ALLOWED.search(str(error)))


def is_no_password(error: Exception) -> bool:
    """Whether it wants a password, or another one."""
    return isinstance(error, _PASSWORD_CLASSES) or bool(_PASSWORD.search(str(error)))


def is_refusal(error: Exception) -> bool:
    """Whether a person must change something before that server can be used."""
    return _refusal("", error, str(error)) is not None


def in_our_words(name: str, error: Exception) -> StoreError:
    """An error of the driver's as one of ours: refused where a person must change something."""
    said = str(error).rstrip(".") or type(error).__name__
    if refusal := _refusal(name, error, said):
        return StoreRefusedError(refusal)
    if isinstance(error, exceptions.AskError):
        return StoreUnavailableError(name, f"the fleet is on its way to another node ({said})")
    if isinstance(error, _AWAY_CLASSES) or _AWAY.search(said):
        return StoreUnavailableError(name, said)
    return StoreError(f"the store {name} answered what cannot be worked with: {said}")


def _refusal(name: str, error: Exception, said: str) -> str | None:
    """What a person must change; None where time will do."""
    if isinstance(error, SentinelRefusedError):
        return f"the store {name} cannot be found: {said}"
    if is_no_password(error):
        return (
            f"the store {name} refuses the password: {said}. Set REDIS_PASSWORD, or write the "
            "password into the URL, as redis://:password@host:6379/0"
        )
    if _is_forbidden(error):
        return (
            f"the store {name} does not allow what cronfleet needs: {said}. Give its user "
            f"{_rights(name)}"
        )
    return _refused_by_kind(name, error, said) or _refused_by_tls(name, said)


def _refused_by_kind(name: str, error: Exception, said: str) -> str | None:
    if _NO_DATABASE.search(said):
        return (
            f"the store {name} has no database of that number: end its URL with a lower one, as in "
            "redis://host:6379/0"
        )
    if isinstance(error, exceptions.MovedError):
        return (
            f"the store {name} is a node of a cluster that keeps this fleet on another one "
            f"({said}): write redis+cluster:// in place of redis://"
        )
    if _NO_CLUSTER.search(said):
        return (
            f"the store {name} is no cluster ({said}): write redis:// in place of redis+cluster://"
        )
    return None


def _rights(name: str) -> str:
    """For ACL SETUSER. A new user of Redis 6.2 has all channels, beside which none can be named."""
    rights = "~cronfleet:* resetchannels &cronfleet:* +@all -@dangerous +info +config|get"
    is_cluster = "+cluster" in name.partition("://")[0]
    return f"{rights} +cluster|slots +cluster|nodes" if is_cluster else rights


def _refused_by_tls(name: str, said: str) -> str | None:
    if _CERTIFICATE.search(said):
        return (
            f"the store {name} shows a certificate that cannot be trusted, or asks for ours: "
            f"{said}. Name the authority's with ?ssl_ca_certs=/path, and ours with "
            "ssl_certfile=/path and ssl_keyfile=/path"
        )
    if _NO_TLS.search(said):
        return (
            f"the store {name} speaks no TLS on that port: {said}. Write redis://, or its TLS port"
        )
    return None


def check(name: str, server: Description) -> None:
    """Refuse a server that cannot keep what it acknowledges; warn where that cannot be asked.

    Raises StoreRefusedError.
    """
    if server.info is None:
        log.warning("the store %s does not let us ask its version, nor whether it evicts", name)
    else:
        _check_mode(name, server.info)
        _check_version(name, server.info)
        _check_eviction(name, server.info)
    if server.replication is None:
        log.warning(
            "the store %s does not tell scripts about its replication: a failover goes unnoticed",
            name,
        )


def _check_mode(name: str, info: Mapping[str, Any]) -> None:
    if info.get("redis_mode") == "sentinel":
        raise StoreRefusedError(
            f"the store {name} is a sentinel, which keeps nothing: write "
            "redis+sentinel://host:26379/service for the server that it watches"
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
