"""What every request must pass, and what every answer carries, whatever is behind.

The server has no login: that it answers this machine alone is its protection. A page on another
site must not get around that, neither by a name that it points at 127.0.0.1 (the `Host` header
would say so), nor by embedding or framing what is here.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer, errors included."""


def hosts_served(host: str, port: int) -> frozenset[str]:
    """What a `Host` header may say to a server that listens on `host` and `port`."""
    own = f"[{host}]" if ":" in host else host
    names = {"localhost", "127.0.0.1", "[::1]", own}
    with_port = {f"{name}:{port}" for name in names}
    return frozenset(with_port | names if port == 80 else with_port)


class Guard:
    """Lets only GET and HEAD for a known host through, and marks every answer."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        app = self._refusal(scope) or self._app
        is_head = scope["method"] == "HEAD"

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            elif is_head:
                message = {**message, "body": b""}
            await send(message)

        # Routes know GET alone; its answer without the body is the answer to HEAD.
        await app({**scope, "method": "GET"}, receive, send_marked)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        hosts = Headers(scope=scope).getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            served = ", ".join(sorted(self._hosts))
            return PlainTextResponse(f"This server answers to {served} only.\n", 421)
        if scope["method"] not in ("GET", "HEAD"):
            allowed = {"Allow": "GET, HEAD"}
            return PlainTextResponse("Only GET and HEAD are served here.\n", 405, allowed)
        return None
