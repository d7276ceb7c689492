"""A mail server that takes every mail and keeps none, in a process of its own.

    python -m benchmarks.mailing.sink IDENTITY_PEM [EXTENSION ...]

A real dialogue over TLS from the start, at the least cost: a thread and a blocking socket for each
connection. It says its port, then, for each line on its input, how many mails it has taken and
how many seconds of processor time it has had, both since the line before.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme

from tests.servers import DIE_WITH_PARENT

ROOT = Path(__file__).parents[2]
_BACKLOG, _CHUNK = 64, 65536
_END_OF_MAIL = b"\r\n.\r\n"
_OK = b"250 2.0.0 yes\r\n"


class MailSink:
    """The process, as the benchmark sees it; it offers these extensions."""

    def __init__(self, folder: Path, *extensions: str) -> None:
        authority = trustme.CA()
        identity = folder / "identity.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(identity)
        self.authority: Path = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        module = [sys.executable, "-m", "benchmarks.mailing.sink"]
        self._command = [*DIE_WITH_PARENT, *module, str(identity), *extensions]

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, bufsize=1
        )
        (port,) = self._said()
        self.port = int(port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._process.kill()
        with self._process:  # Closes its pipes.
            pass

    def taken(self) -> tuple[int, float]:
        """How many mails since the last time, and its processor time meanwhile."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        mails, busy_s = self._said()
        return int(mails), float(busy_s)

    def _said(self) -> list[str]:
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()


class _Sink:
    """What the connections share: who it is, what it offers, and the count of its mails."""

    def __init__(self, identity: Path, extensions: list[str]) -> None:
        self.identity = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.identity.load_cert_chain(identity)
        lines = ["sink", *extensions]
        told = [f"250{'-' if line is not lines[-1] else ' '}{line}\r\n" for line in lines]
        self.hello = "".join(told).encode()
        self.mails = 0

    def serve(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        dialogue = _Dialogue(self)
        with suppress(OSError), self.identity.wrap_socket(plain, server_side=True) as connection:
            connection.sendall(b"220 sink\r\n")
            while chunk := connection.recv(_CHUNK):
                if answers := dialogue.answers(chunk):
                    connection.sendall(answers)


class _Dialogue:
    """With one sender: what it has said, as far as it is not whole yet."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._heard = b""
        self._is_mail = False

    def answers(self, chunk: bytes) -> bytes:
        """To all that is whole, in one breath."""
        self._heard += chunk
        answers: list[bytes] = []
        while True:
            end = _END_OF_MAIL if self._is_mail else b"\r\n"
            said, found, rest = self._heard.partition(end)
            if not found:
                return b"".join(answers)
            self._heard = rest
            answers.append(self._mail() if self._is_mail else self._command(said[:4].upper()))

    def _mail(self) -> bytes:
        self._sink.mails += 1
        self._is_mail = False
        return _OK

    def _command(self, verb: bytes) -> bytes:
        match verb:
            case b"EHLO":
                return self._sink.hello
            case b"DATA":
                self._is_mail = True
                return b"354 go on\r\n"
            case b"QUIT":
                return b"221 2.0.0 farewell\r\n"
            case _:
                return _OK


def main(identity: Path, extensions: list[str]) -> None:
    sink = _Sink(identity, extensions)
    listening = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    threading.Thread(target=sink.serve, args=(listening,), daemon=True).start()
    print(listening.getsockname()[1], flush=True)
    told, busy_s = 0, time.process_time()
    for _ in sys.stdin:
        mails, now_s = sink.mails, time.process_time()
        print(mails - told, now_s - busy_s, flush=True)
        told, busy_s = mails, now_s


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
