"""A folder that holds no more than so much, where this machine lets us mount one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

SIZE_MB = 96
"""More than any store here needs for an hour."""
PIECE = b"\0" * (1 << 20)


class SmallDisk:
    """Mounted over an empty folder, until `unmount`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room."""
        file = os.open(self._filler, os.O_WRONLY | os.O_CREAT)
        piece = PIECE
        try:
            while piece:
                with contextlib.suppress(OSError):
                    while os.write(file, piece) == len(piece):
                        pass
                piece = piece[: len(piece) // 2]
        finally:
            os.close(file)

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", self.folder], check=True, capture_output=True)


def small_disk(folder: Path) -> SmallDisk | None:
    """None where this user cannot mount."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return None
    options = f"size={SIZE_MB}m,mode=0755"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
    done = subprocess.run(command, check=False, capture_output=True)
    return SmallDisk(folder) if done.returncode == 0 else None
