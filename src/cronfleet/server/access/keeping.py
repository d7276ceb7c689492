"""The file of credentials: read again when it has changed, and replaced as a whole.

Whoever may read it could sign logins, so it is for its user alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from cronfleet.errors import ConfigurationError
from cronfleet.server.access.credentials import Credentials, no_credentials, read, written

_Seen: TypeAlias = tuple[int, int, int]


class CredentialsFile:
    """Once there is such a file, credentials are demanded: also when it has gone again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        # Both at once: a thread that was overtaken must not put an old file under a new mark.
        self._state: tuple[_Seen | None, Credentials | None] = None, None

    def current(self) -> Credentials | None:
        """What the file says now; None while there has never been one.

        Raises ConfigurationError for a file that cannot be read: nobody is let in meanwhile.
        """
        seen, (before, known) = self._look(), self._state
        if seen is None:
            known = known and no_credentials()
        elif seen != before:
            known = self._read()
        self._state = seen, known
        return known

    def change(self, make: Callable[[Credentials], Credentials]) -> None:
        """Replace what is there by what `make` makes of it, for one process at a time.

        Raises ConfigurationError.
        """
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self.path.with_name(f"{self.path.name}.lock").open("a") as lock:
                self._leave_to_owner(lock.fileno())
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._replace(written(make(self.current() or no_credentials())))
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} cannot be written: {error.strerror}; make its folder one that this "
                "user may write to, or set CRONFLEET_TOKENS_FILE to another file"
            ) from None

    def _look(self) -> _Seen | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error.strerror or "") from None
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> Credentials:
        try:
            return read(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            raise self._unreadable(error.strerror or "") from None
        except ValueError as error:
            # Of a line that cannot be read, no word: it may be a secret.
            reason = str(error) if type(error) is ValueError else "it is no such file"
            raise self._unreadable(reason) from None

    def _replace(self, text: str) -> None:
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                self._leave_to_owner(handle)
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise

    def _leave_to_owner(self, handle: int) -> None:
        """Root may change it, and whose it is must still be able to read it."""
        if os.geteuid() == 0:
            there = self.path if self.path.exists() else self.path.parent
            os.fchown(handle, there.stat().st_uid, there.stat().st_gid)

    def _unreadable(self, reason: str) -> ConfigurationError:
        return ConfigurationError(
            f"the credentials in {self.path} cannot be read ({reason}): nobody is let in until "
            "they can; `cronfleet token` writes such files"
        )
