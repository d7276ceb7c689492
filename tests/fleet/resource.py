"""A resource that checks tokens, as a file that many processes use."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Noted:
    """What was done there, in the order in which it was done."""

    what: str
    token: int
    pid: int


class Resource:
    """Serves who has the highest token that it has seen, and refuses all others."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, what: str, token: int) -> bool:
        """Do something there; answers whether it was not refused."""
        with self._path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            is_fine = token >= max((each.token for each in _read(file.read())), default=0)
            line = f"{what if is_fine else 'refused'} {token} {os.getpid()}\n"
            os.write(file.fileno(), line.encode())
        return is_fine

    @property
    def notes(self) -> list[Noted]:
        return _read(self._path.read_text()) if self._path.exists() else []


def _read(text: str) -> list[Noted]:
    words = [line.split() for line in text.splitlines()]
    return [Noted(what, int(token), int(pid)) for what, token, pid in words]
