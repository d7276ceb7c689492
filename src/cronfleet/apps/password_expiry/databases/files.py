"""Folders and files for this user alone."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cronfleet.errors import ConfigurationError

_CHOOSE_ANOTHER = "set CRONFLEET_DATA_DIR (or MAILBOX_DIR) to a folder that can be written to"


def private_folder(path: Path) -> Path:
    """The folder, made if it is not there, with its missing parents, for this user alone.

    Raises `ConfigurationError`.
    """
    try:
        missing = [folder for folder in (path, *path.parents) if not folder.exists()]
        for folder in reversed(missing):
            # Another instance may be making it at this moment.
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {path} cannot be made: {error.strerror}; {_CHOOSE_ANOTHER}"
        ) from None
    return path


def writable_folder(path: Path) -> Path:
    """A private folder that files can be put into. Raises `ConfigurationError`."""
    if not os.access(private_folder(path), os.W_OK | os.X_OK):
        raise ConfigurationError(f"the folder {path} cannot be written to; {_CHOOSE_ANOTHER}")
    return path


def private_file(path: Path) -> Path:
    """The file, made empty if it is not there, for this user alone.

    One that is there is not opened: to close it again would drop SQLite's locks on it.
    Raises `ConfigurationError`.
    """
    private_folder(path.parent)
    try:
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise ConfigurationError(
            f"the file {path} cannot be made: {error.strerror}; {_CHOOSE_ANOTHER}"
        ) from None
    return path
