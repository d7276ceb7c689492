"""The Lua scripts, one an operation, each with what all share before it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cronfleet.model import MAX_COUNTED
from cronfleet.store import (
    CLOCK_STEP_BACK_MS,
    KEY_KEPT_MS,
    LOSSES_ALLOWED,
    MOST_AUDIT,
    MOST_BACKFILLS,
    MOST_GAPS,
    MOST_LOCK_WAITERS,
    MOST_LOG_BYTES,
    MOST_LOG_LINES,
    MOST_MADE,
    MOST_PENDING,
    MOST_RESUMING,
    MOST_SEARCHED,
    MOST_SOON,
    MOST_SUPERSEDED,
    MOST_WAITING,
    SOON_MS,
    WAITER_KEPT_MS,
)
from cronfleet.stores.steps.overlap import REMOVED
from cronfleet.stores.steps.records import TOKENS_PER_MS

_SHARED = ("fleet", "records", "runs", "sessions", "orders")
_OTHERS: dict[str, tuple[str, ...]] = dict.fromkeys(("lock", "renew_lock", "unlock"), ("locks",))
"""Scripts that share something else: what is shared is set up each time that a script runs."""

_MORE: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("sync_jobs", "define", "remove", "undeclared"), ("definitions",)
)
"""Scripts that share yet more."""

READING: frozenset[str] = frozenset(
    {
        "audit",
        "backfills",
        "definition",
        "definitions",
        "gaps",
        "instances",
        "jobs",
        "peek",
        "replication",
        "run_log",
        "runs",
    }
)
"""The operations whose answers claim nothing. That of `held` does: a run that is ours."""

_NUMBERS = {
    "CLOCK_STEP_BACK_MS": CLOCK_STEP_BACK_MS,
    "KEY_KEPT_MS": KEY_KEPT_MS,
    "LOSSES_ALLOWED": LOSSES_ALLOWED,
    "LOG_PLACES": 2**32,
    "MAX_COUNTED": MAX_COUNTED,
    "MOST_AUDIT": MOST_AUDIT,
    "MOST_BACKFILLS": MOST_BACKFILLS,
    "MOST_GAPS": MOST_GAPS,
    "MOST_LOCK_WAITERS": MOST_LOCK_WAITERS,
    "MOST_LOG_BYTES": MOST_LOG_BYTES,
    "MOST_LOG_LINES": MOST_LOG_LINES,
    "MOST_MADE": MOST_MADE,
    "MOST_PENDING": MOST_PENDING,
    "MOST_RESUMING": MOST_RESUMING,
    "MOST_SOON": MOST_SOON,
    "MOST_SEARCHED": MOST_SEARCHED,
    "MOST_SUPERSEDED": MOST_SUPERSEDED,
    "MOST_WAITING": MOST_WAITING,
    "SOON_MS": SOON_MS,
    "TOKENS_PER_MS": TOKENS_PER_MS,
    "WAITER_KEPT_MS": WAITER_KEPT_MS,
}
"""The contract's numbers, which the scripts know by these names."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text, and the digest by which a server that has seen it knows it."""

    text: str
    sha: str
    is_confirmed: bool = False
    """Whether it answers with its answer, and with the numbers of replicas: see confirmed.lua."""


@cache
def script(name: str) -> Script:
    """The script of an operation."""
    text = _shared_by(name) + _own(name)
    return Script(text, _sha(text))


@cache
def confirmed_script(name: str) -> Script:
    """The same for durability=wait: an operation that writes, and that replicas must have too.

    One that only reads is as it is.
    """
    if name in READING:
        return script(name)
    begun = "read_clock()\n" if name in _OTHERS else ""  # What confirms it needs the time.
    operation = f"{begun}local function operation()\n{_own(name)}\nend\n"
    text = _shared_by(name) + operation + _texts()["shared/confirmed"]
    return Script(text, _sha(text), is_confirmed=True)


def _shared_by(name: str) -> str:
    return _shared(_OTHERS.get(name, _SHARED + _MORE.get(name, ())))


def _own(name: str) -> str:
    return _texts()[name]


@cache
def _texts() -> dict[str, str]:
    """All that there is, by name: read at once, so that no later call waits for a file."""
    lua = files("cronfleet.stores.redis") / "lua"
    folders = {"": lua, "shared/": lua / "shared"}
    return {
        folder + file.name.removesuffix(".lua"): file.read_text("utf-8")
        for folder, there in folders.items()
        for file in there.iterdir()
        if file.name.endswith(".lua")
    }


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@cache
def _shared(names: tuple[str, ...]) -> str:
    numbers = [f"local {name} = {value}\n" for name, value in _NUMBERS.items()]
    numbers.append(f"local REMOVED = '{REMOVED}'\n")
    return "".join([*numbers, *(_texts()[f"shared/{name}"] for name in names)])
