"""The Lua scripts: one an operation, each with the prelude before it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text, and the digest by which a server that has seen it knows it."""

    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """The script of an operation."""
    folder = files("cronfleet.stores.redis") / "lua"
    text = "\n".join((folder / f"{each}.lua").read_text("utf-8") for each in ("prelude", name))
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
