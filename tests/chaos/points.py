"""A store whose process dies at a named point of its work, when the rig asks for that.

The rig writes the point into a file that all instances know. Who gets there first takes the file
away, which one alone can, and kills itself: no signal could come as precisely.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

from cronfleet.model import SessionId
from cronfleet.store import Renewal, Renewer, Store

CALLS = ("claim", "start", "complete", "close", "sweep")
POINTS = (
    *(f"{when} {call}" for call in CALLS for when in ("before", "during", "after")),
    "before renew",
    "after renew",
)
"""Before it is asked, when it has been asked and has not answered, and when it has answered."""

AFTER_A_DEATH = frozenset(point for point in POINTS if point.split()[1] in {"close", "sweep"})
"""Nobody gets there unless somebody has died before."""

Act = Callable[..., Coroutine[Any, Any, Any]]


class Death:
    """The file with the point, and the folder where it goes with who died of it."""

    def __init__(self, folder: Path) -> None:
        self._wish = folder / "point"
        self._taken = folder / "died"
        self._taken.mkdir(exist_ok=True)

    # --- for the rig

    def wish(self, point: str) -> None:
        beside = self._wish.with_suffix(".new")
        beside.write_text(point)
        beside.replace(self._wish)

    async def has_come(self) -> bool:
        """Whether somebody has got there."""
        return not self._wish.exists()

    def forget(self) -> bool:
        """Wish it no more; false if somebody has just died of it."""
        try:
            self._wish.unlink()
        except FileNotFoundError:
            return False
        return True

    def has_taken(self, pid: int) -> bool:
        return (self._taken / str(pid)).exists()

    # --- for the instance

    def is_wished(self, point: str) -> bool:
        try:
            return self._wish.read_text() == point
        except FileNotFoundError:
            return False

    def at(self, point: str) -> None:
        """Die if this is the point, and nobody else was here before."""
        if not self.is_wished(point):
            return
        try:
            self._wish.rename(self._taken / str(os.getpid()))
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def mortal(store: Store, death: Death) -> Store:
    """The store, at the points of which this process may die."""
    return cast("Store", _MortalStore(store, death))


class _MortalStore:
    def __init__(self, store: Store, death: Death) -> None:
        self._store = store
        self._death = death

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._store, name)
        return self._mortal(name, attribute) if name in CALLS else attribute

    def _mortal(self, call: str, act: Act) -> Act:
        async def ask(*arguments: Any, **named: Any) -> Any:
            self._death.at(f"before {call}")
            if self._death.is_wished(f"during {call}"):
                asking = asyncio.ensure_future(act(*arguments, **named))
                await asyncio.wait({asking}, timeout=0.0005)  # By then it is on its way.
                self._death.at(f"during {call}")
                return await asking
            answer = await act(*arguments, **named)
            self._death.at(f"after {call}")
            return answer

        setattr(self, call, ask)
        return ask

    def renewer(self) -> Renewer:
        return _MortalRenewer(self._store.renewer(), self._death)

    def another(self) -> Store:
        return mortal(self._store.another(), self._death)


class _MortalRenewer:
    def __init__(self, renewer: Renewer, death: Death) -> None:
        self._renewer = renewer
        self._death = death

    def renew(self, session: SessionId) -> Renewal | None:
        self._death.at("before renew")
        answer = self._renewer.renew(session)
        self._death.at("after renew")
        return answer

    def close(self) -> None:
        self._renewer.close()
