"""What happened: a hash that tells two histories apart, and its last lines for people."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable

KEPT = 4_000


class Story:
    """All that is told here goes into the hash; the lines are kept only when somebody asks."""

    def __init__(self, now_ms: Callable[[], int], *, keeps: bool) -> None:
        self._now_ms = now_ms
        self._hash = hashlib.blake2b(digest_size=16)
        self._keeps = keeps
        self.lines: deque[str] = deque(maxlen=KEPT)
        self.calls = 0

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def took(self, who: str, op: str, answer: object) -> None:
        """The store took a call."""
        self.calls += 1
        if op != "peek" or self._keeps:
            self.tell(f"{who} {op}: {answer!r}"[:400] if self._keeps else f"{who} {op}")
        else:
            self._hash.update(f"{self._now_ms()} {who}".encode())

    def tell(self, line: str) -> None:
        told = f"{self._now_ms() / 1000:9.3f} {line}"
        self._hash.update(told.encode())
        if self._keeps:
            self.lines.append(told)
