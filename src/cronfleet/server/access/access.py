"""How a server is reached, and who may ask it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cronfleet.config.types import Network
from cronfleet.server.access.keeping import CredentialsFile

HEALTH = frozenset({"/health-check", "/healthz/live", "/healthz/ready"})
"""Open to all: whoever watches the process has no credentials. Detail needs a viewer."""
LOGIN = "/login"
METRICS = "/metrics"
STATIC = "/static/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What of the settings decides over it. Without any, this machine alone is served."""

    credentials: CredentialsFile | None = None
    allowed_hosts: tuple[str, ...] = ()
    """Names under which others know this server."""
    certificate: tuple[Path, Path] | None = None
    """The PEM files of this server's own certificate and its key."""
    proxies: tuple[Network, ...] | None = None
    """Where the proxy asks from that stands before this server; None for no proxy."""
    has_open_metrics: bool = False
    """Whether whoever reaches the port may read the metrics."""

    @property
    def is_encrypted(self) -> bool:
        """Whether what a person's browser says travels by TLS, here or up to the proxy."""
        return self.certificate is not None or self.proxies is not None

    def is_probe(self, path: str) -> bool:
        """Whether a machine asks there that nobody gives credentials to."""
        return path in HEALTH or (path == METRICS and self.has_open_metrics)

    def is_open(self, path: str) -> bool:
        """Whether who asks there need not have shown who they are."""
        return self.is_probe(path) or path == LOGIN or path.startswith(STATIC)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on that address."""
    return host == "localhost" or ip_address(host).is_loopback
