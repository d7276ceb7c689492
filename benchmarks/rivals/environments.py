"""Where rivals are installed: each in an environment of its own, from pinned requirements.

They ask for drivers of many ages, which could not stand beside ours.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "var" / "rivals"
REQUIREMENTS = ROOT / "requirements" / "rivals"
STAMP = ".stamp"
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def environment(name: str) -> Path:
    """An environment that holds what requirements/rivals/<name>.txt says, made where it does not."""
    folder = FOLDER / name
    if not _is_as_pinned(folder, name):
        print(f"Installing requirements/rivals/{name}.txt", flush=True)
        venv.EnvBuilder(clear=True, symlinks=True).create(folder)  # without pip: ours installs
        python = str(folder / "bin" / "python")
        uv = shutil.which("uv")
        pip = [uv, "pip", "install", "--python", python] if uv else [*_PIP, "--python", python]
        _install(pip if uv else [*pip, "install"], name, folder)
    return folder


def folder(name: str) -> Path:
    """The packages alone, to be put on the path: on our Python, and on what it has installed."""
    target = FOLDER / name
    if not _is_as_pinned(target, name):
        shutil.rmtree(target, ignore_errors=True)
        uv = shutil.which("uv")
        pip = [uv, "pip", "install"] if uv else [*_PIP, "install"]
        _install([*pip, "--no-deps", "--target", str(target)], name, target)
    return target


def versions(name: str) -> dict[str, str]:
    """What is asked for by name, and the version that it is pinned to."""
    pins = dict(PIN.findall((REQUIREMENTS / f"{name}.txt").read_text()))
    wanted = (REQUIREMENTS / f"{name}.in").read_text().splitlines()
    names = [re.split(r"[=<\[]", line)[0] for line in wanted if line and line[0] != "#"]
    return {name: pins[name] for name in names}


_PIP = [sys.executable, "-m", "pip"]


def _install(pip: list[str], name: str, folder: Path) -> None:
    """Raises CalledProcessError."""
    pinned = ["-q", "--require-hashes", "-r", str(REQUIREMENTS / f"{name}.txt")]
    subprocess.run([*pip, *pinned], check=True)
    (folder / STAMP).write_text(_stamp(name))


def _is_as_pinned(folder: Path, name: str) -> bool:
    stamp = folder / STAMP
    return stamp.exists() and stamp.read_text() == _stamp(name)


def _stamp(name: str) -> str:
    pinned = (REQUIREMENTS / f"{name}.txt").read_bytes()
    return f"{sys.version} {FOLDER} {hashlib.sha256(pinned).hexdigest()}"
