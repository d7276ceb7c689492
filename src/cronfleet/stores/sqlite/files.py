"""The file of a store: made for its owner alone, on this machine, and the same to the end."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from cronfleet.errors import StoreRefusedError

_MOUNTS = Path("/proc/self/mountinfo")

_NETWORK = re.compile(
    r"nfs\d*|cifs|smb\d*|smbfs|9p|afs|ceph|lustre|glusterfs|beegfs|gpfs|coda|ncpfs|orangefs"
    r"|gfs2|ocfs2|vboxsf|vmhgfs|prl_fs|virtiofs"
    r"|fuse\.(sshfs|s3fs|rclone|glusterfs|ceph.*|vmhgfs.*|davfs.*|gcsfuse|grpcfuse|osxfs|juicefs)"
)

# Closing any descriptor of a file drops the locks that SQLite holds on it in this process, so
# nobody may open a file that is still being made.
_making = threading.Lock()


class _Identity(NamedTuple):
    device: int
    inode: int


class StoreFile:
    """Where a store's file is, and which file was there when it was opened."""

    def __init__(self, path: Path) -> None:
        self.path: Path = path.absolute()
        self._identity: _Identity | None = None
        self._process = os.getpid()

    @property
    def url(self) -> str:
        """The store's name for people."""
        return f"sqlite:///{self.path}"

    def prepare(self) -> None:
        """Make the folder and the file if they are missing, and remember which file it is.

        Raises StoreRefusedError if the file is not safe there, or cannot be written.
        """
        with self._explained():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._check_folder(self.path.parent.resolve())
        with self._explained(), _making:
            _make(self.path)
        self._check_file()
        self._identity = self._now_there()

    def check(self) -> None:
        """Raises StoreRefusedError if another file lies there now, or none."""
        self.check_process()
        if self._now_there() != self._identity:
            raise self._refused(
                "was moved, deleted or replaced while it was in use: nothing more is written to "
                "it. Put the right file back and start again"
            )

    def check_process(self) -> None:
        """Raises StoreRefusedError in a fork of the process that made the store."""
        if os.getpid() != self._process:
            raise self._refused(
                "was opened before this process was forked, and a fork would break its locks: "
                "make the store after the fork"
            )

    def _now_there(self) -> _Identity | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return _Identity(found.st_dev, found.st_ino)

    def _check_folder(self, folder: Path) -> None:
        found = folder.stat()
        group = found.st_mode & stat.S_IWGRP and not _is_own_group(found.st_gid)
        if group or found.st_mode & stat.S_IWOTH:
            own = "" if found.st_mode & stat.S_ISVTX else f"chmod go-w {folder}, or "
            raise self._refused(
                f"lies in a folder where others can put files, its journal too: {own}give the "
                f"store a folder of its own, as {folder}/cronfleet/{self.path.name}"
            )
        kind = file_system_of(folder)
        if _NETWORK.fullmatch(kind):
            raise self._refused(
                f"lies on a file system shared between machines ({kind}), where its locks cannot "
                "be trusted: put it on a local disk, or use a Redis store"
            )

    def _check_file(self) -> None:
        found = self.path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise self._refused("is no regular file, or a link to one: name the file itself")
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise self._refused(f"can be read or written by others: chmod 600 {self.path}")
        for place in (self.path, self.path.parent):
            if not os.access(place, os.W_OK | os.R_OK):
                raise self._refused(f"cannot be used: {place} may not be written")

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise self._refused(f"cannot be made: {error.strerror}") from error

    def _refused(self, what: str) -> StoreRefusedError:
        return StoreRefusedError(f"the store's file {self.path} {what}")


def _make(path: Path) -> None:
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def _is_own_group(group: int) -> bool:
    """Whether it is a user's private group, as many systems give to everyone."""
    try:
        name, members = grp.getgrgid(group).gr_name, grp.getgrgid(group).gr_mem
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return name == user and not set(members).difference({user})


def file_system_of(folder: Path) -> str:
    """The type of the file system that a folder is on; empty where there is no telling."""
    try:
        mounts = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    return file_system_among(mounts, folder)


def file_system_among(mounts: list[str], folder: Path) -> str:
    """The same, from the lines of a `mountinfo`. Of two mounts on one point the later counts."""
    best, kind = -1, ""
    for line in mounts:
        mount, _, source = line.partition(" - ")
        point = Path(_unescaped(mount.split(" ")[4]))
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), source.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    return re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), text)
