"""Which bytes of a client of Redis may come twice: whole commands, each of which runs a script."""

from __future__ import annotations

from collections.abc import Iterator

SCRIPTS = frozenset({b"EVAL", b"EVALSHA"})
BESIDE = frozenset({b"WAIT"})
"""Without a script it does nothing, and without a state of the connection it does no harm."""


class CutShortError(ValueError):
    """The bytes end within a command, or are none."""


def is_repeatable(sent: bytes) -> bool:
    """Whether another connection may say the same, as a client does that gave up too soon."""
    try:
        names = [command[0].upper() for command in commands(sent) if command]
    except (ValueError, IndexError):
        return False
    return bool(SCRIPTS.intersection(names)) and set(names) <= SCRIPTS | BESIDE


def commands(sent: bytes) -> Iterator[list[bytes]]:
    """Each command in it, as its words. Raises CutShortError, or ValueError for what is none."""
    place = 0
    while place < len(sent):
        count, place = _number(sent, place, b"*")
        words: list[bytes] = []
        for _ in range(count):
            size, place = _number(sent, place, b"$")
            if len(sent) < place + size + 2:
                raise CutShortError
            words.append(sent[place : place + size])
            place += size + 2
        yield words


def _number(sent: bytes, place: int, mark: bytes) -> tuple[int, int]:
    end = sent.find(b"\r\n", place)
    if end < 0 or sent[place : place + 1] != mark:
        raise CutShortError
    return int(sent[place + 1 : end]), end + 2
