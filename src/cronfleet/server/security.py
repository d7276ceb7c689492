"""What every answer carries, and under which names a server is asked.

A page on another site must not get at what is here, neither by a name that it points at this
address (the `Host` header would say so), nor by embedding or framing it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address

_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
_POLICY = "Content-Security-Policy"
_OF_PAGES = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)
# Of nobody's origin, without scripts, forms or anything fetched; it may carry its own styles.
_OF_SHOWN_MAILS = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    )
)
HEADERS = {
    _POLICY: _OF_PAGES,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With `no-referrer` a browser would send our own forms as from nowhere: `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer, errors included."""
SANDBOXED = HEADERS | {_POLICY: _OF_SHOWN_MAILS, "X-Frame-Options": "SAMEORIGIN"}
"""Instead of those, on a document that a page of ours shows in a frame."""


def headers_for(policy: str | None) -> dict[str, str]:
    """Those of an answer whose route has set this policy; only a sandbox may be asked for."""
    return SANDBOXED if policy == _OF_SHOWN_MAILS else HEADERS


def hosts_served(host: str, port: int, allowed: Iterable[str] = ()) -> frozenset[str]:
    """What a `Host` header may say to a server that listens on `host` and `port`.

    An `allowed` name is served without a port, as behind a proxy, and with this one; a name that
    is allowed with a port, with that one alone.
    """
    own = f"[{host}]" if ":" in host else host
    names = {"localhost", "127.0.0.1", "[::1]", own}
    with_port = {f"{name}:{port}" for name in names}
    found = with_port | names if port == 80 else with_port
    for name in map(str.lower, allowed):
        found |= {name} if _has_port(name) else {name, f"{name}:{port}"}
    return frozenset(found)


def is_address(host: str) -> bool:
    """Whether a `Host` header names an address: no site can point that anywhere else."""
    found = _ADDRESS.fullmatch(host)
    if found is None:
        return False
    try:
        ip_address(found[1] or found[2])
    except ValueError:
        return False
    return True


def _has_port(name: str) -> bool:
    return name.rpartition("]")[2].count(":") == 1
