"""What a process prints, kept within bounds: how it began and how it ended."""

from __future__ import annotations

KEPT_BYTES = 16 * 1024
"""Of the beginning, and as much of the end."""


class Output:
    """A stream of which the head and the tail are kept, and what lies between is counted."""

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def take(self, data: bytes) -> None:
        """Add what came next."""
        room = self._kept_bytes - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        # Cut seldom, so that a flood costs no copy for each piece of it.
        if len(self._tail) > 2 * self._kept_bytes:
            self._cut()

    @property
    def dropped(self) -> int:
        """How many bytes are not kept."""
        self._cut()
        return self._dropped

    def text(self) -> str:
        """All that is kept, with a line that tells how much is missing."""
        self._cut()
        missing = f"\n[... {self._dropped:,} bytes dropped ...]\n" if self._dropped else ""
        if not missing:
            return _text(self._head + self._tail)
        return _text(self._head).rstrip("\n") + missing + _text(self._tail).lstrip("\n")

    def last(self, characters: int) -> str:
        """The end of it, from the beginning of a line if there is one."""
        self._cut()
        text = _text((b"" if self._dropped else self._head) + self._tail).rstrip()
        if len(text) <= characters and not self._dropped:
            return text
        end = text[-characters:]
        _, newline, rest = end.partition("\n")
        return "..." + (rest if newline else end)

    def _cut(self) -> None:
        excess = len(self._tail) - self._kept_bytes
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess


def _text(data: bytes | bytearray) -> str:
    # No store takes a NUL in a text.
    return data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
