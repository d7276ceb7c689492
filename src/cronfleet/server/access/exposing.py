"""From settings to who may ask; what would be open to others by a slip does not start."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cronfleet.config import Settings
from cronfleet.errors import ConfigurationError
from cronfleet.server.access.access import Access, is_loopback
from cronfleet.server.access.credentials import Credentials
from cronfleet.server.access.keeping import CredentialsFile

_READABLE_BY_OTHERS = 0o077

log: logging.Logger = logging.getLogger(__name__)


def access_by(settings: Settings, *, behind_proxy: bool = False) -> Access:
    """Raises ConfigurationError, which says what to type, rather than be open to others."""
    is_behind = behind_proxy or settings.behind_proxy
    access = Access(
        credentials=CredentialsFile(settings.credentials_file),
        allowed_hosts=settings.allowed_hosts,
        certificate=_certificate(settings),
        proxies=settings.trusted_proxies if is_behind else None,
        has_open_metrics=settings.metrics == "open",
    )
    credentials = _credentials(settings, access)
    if lacking := list(_lacking(settings.host, access, credentials)):
        raise ConfigurationError("\n".join(lacking))
    return access


def _credentials(settings: Settings, access: Access) -> Credentials | None:
    found = access.credentials.current() if access.credentials else None
    path = settings.credentials_file
    if found is None and settings.cronfleet_tokens_file is not None:
        raise ConfigurationError(
            f"CRONFLEET_TOKENS_FILE {path} is not there: make it with "
            "`cronfleet token new NAME --role admin`"
        )
    if found is not None and path.stat().st_mode & _READABLE_BY_OTHERS:
        log.warning("others can read %s, by which logins are signed: chmod 600 %s", path, path)
    return found


def _lacking(host: str, access: Access, credentials: Credentials | None) -> Iterator[str]:
    """What there must be before others are served, and how to have it."""
    if is_loopback(host) and access.proxies is None:
        return
    served = f"HOST {host} serves" if not is_loopback(host) else "A proxy serves"
    if credentials is None or not credentials.valid(datetime.now(UTC)):
        yield (
            f"{served} other machines, and there are no credentials to ask them for: make some "
            "with `cronfleet token new NAME --role admin`"
        )
    if not access.is_encrypted:
        yield (
            f"{served} other machines, and without TLS all could read what they send: set TLS_CERT "
            "and TLS_KEY to the files of a certificate, or have a proxy with TLS before it, and "
            "type `cronfleet run --behind-proxy`; HOST=127.0.0.1 serves this machine alone, and "
            "needs none of this"
        )


def _certificate(settings: Settings) -> tuple[Path, Path] | None:
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigurationError("TLS_CERT and TLS_KEY: set both, or neither")
    try:
        # An empty password, or else one would be asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except OSError as error:
        raise ConfigurationError(
            f"TLS_CERT {certificate} and TLS_KEY {key} cannot be used ({error}): write the PEM "
            "files of a certificate with its chain, and of its key without a password"
        ) from None
    return certificate, key
