"""What stands for Sentry on this machine: it takes envelopes, and shows what was in them."""

from __future__ import annotations

import contextlib
import gzip
import json
import queue
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE_S = 20


@dataclass
class Sentry:
    port: int = 0
    items: queue.Queue[tuple[str, Any]] = field(default_factory=queue.Queue[tuple[str, Any]])
    raw: list[str] = field(default_factory=list[str])

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.port}/1"

    def next(self, kind: str) -> Any:
        """The next item of that kind, waited for; others are passed over."""
        while True:
            found, item = self.items.get(timeout=PATIENCE_S)
            if found == kind:
                return item

    def take(self, body: bytes) -> None:
        text = body.decode()
        self.raw.append(text)
        _, *lines = [json.loads(line) for line in text.splitlines() if line]
        for header, item in zip(lines[::2], lines[1::2], strict=True):
            self.items.put((header["type"], item))


@contextlib.contextmanager
def a_sentry() -> Generator[Sentry]:
    sentry = Sentry()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            sentry.take(gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    sentry.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield sentry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
