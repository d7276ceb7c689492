"""uvicorn inside our own event loop: the port, the signals and the log are ours."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from cronfleet.errors import ConfigurationError
from cronfleet.server.security import HEADERS

MOST_HEAD_BYTES = 64 * 1024
"""Of a request, what is not its body."""
_HEAD_TIMEOUT_S = 10
_LAST_ANSWERS_S = 2
_BACKLOG = 512
_SHARE_OF_FILES = 2
"""The half of the files that a process may have open stays for its work, whoever connects."""


def bind(host: str, port: int) -> socket.socket:
    """Listen on the port, so that clients may connect from now on; port 0 takes a free one.

    Raises ConfigurationError that says which port, and what to write instead.
    """
    address = "127.0.0.1" if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {port} on {host} is in use: stop what listens there, or choose another "
                f"port, as in PORT={port % 65_535 + 1} cronfleet run"
            ) from None
        raise ConfigurationError(
            f"port {port} on {host} cannot be listened on ({error.strerror}): "
            "choose another HOST or PORT, as in PORT=3001 cronfleet run"
        ) from None
    # An answer is written in two parts. Else the second would wait until the first is acknowledged,
    # for 40 ms by the clients' kernels. Accepted connections have it from their listener.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


class Serving:
    """An application served on a listener for the length of an `async with` block.

    By TLS with a `certificate`: the PEM files of its chain and its key. `before_end` ends the
    answers that would go on for ever.
    """

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        certificate: tuple[Path, Path] | None = None,
        before_end: Callable[[], None] | None = None,
    ) -> None:
        self._listener = listener
        self._before_end = before_end
        chain, key = certificate or (None, None)
        self._server = _Server(
            uvicorn.Config(
                app,
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ssl_certfile=chain,
                ssl_keyfile=key,
                timeout_graceful_shutdown=_LAST_ANSWERS_S,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        serving = self._server.serve(sockets=[self._listener])
        self._task = asyncio.create_task(serving, name="cronfleet-server")

    async def __aexit__(self, *_: object) -> None:
        if self._before_end is not None:
            self._before_end()
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _Protocol(HttpToolsProtocol):
    """Ends the connections of those who never get to the point: no application hears of them."""

    _beside_body = 0
    """How many bytes of the request that is being read are not of its body."""
    _waiting: asyncio.TimerHandle | None = None
    """For a request's head."""
    _has_asked = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._wait_for_head()
        if len(self.connections) > _most_connections():
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._beside_body += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._beside_body > MOST_HEAD_BYTES:
            self.send_400_response(f"More than {MOST_HEAD_BYTES} bytes stand around the body.")
        elif self._has_asked and self.cycle.response_complete:
            self._wait_for_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        self._wait_no_more()
        super().on_headers_complete()
        self._has_asked = True

    def on_body(self, body: bytes) -> None:
        self._beside_body = max(self._beside_body - len(body), 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._beside_body = 0
        super().on_message_complete()

    def _wait_for_head(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(_HEAD_TIMEOUT_S, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def send_400_response(self, msg: str) -> None:
        """Mark the one answer that no application is asked for; the connection ends with it."""
        self.server_state = ServerState()
        self.server_state.default_headers = [
            (name.encode(), value.encode()) for name, value in HEADERS.items()
        ]
        super().send_400_response(msg)

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: it is answered as any other request, and there is nothing to install."""


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else files // _SHARE_OF_FILES


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals alone: the scheduler drains first, with its pages still up."""
        yield
