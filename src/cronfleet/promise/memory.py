"""The store in memory: it lives and dies with its process."""

from __future__ import annotations

from cronfleet.promise.values import SOUND, Downgrade, Failure, Held, Promise, Verdict, broken

_FORGETS = "the store ends with the process: what ran before is forgotten"


def memory_promise() -> Promise:
    """What the store in memory can promise."""
    return Promise(
        configuration="memory of one process",
        holds={
            **SOUND,
            Failure.INSTANCE: broken(_FORGETS),
            Failure.STORE_PROCESS: broken(_FORGETS),
            Failure.POWER: broken(_FORGETS),
            Failure.RESET: Held(Verdict.IMPOSSIBLE, "nobody else can reach it"),
        },
        downgrades=(
            Downgrade(
                "nothing outlives this process, and no other process can take part",
                "CRONFLEET_STORE=sqlite:///cronfleet.db",
            ),
        ),
    )
