"""Whatever the process of a run does, and in whatever order, its outcome is written once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from cronfleet.clock import SystemClock
from cronfleet.engine.announcing import Announcing
from cronfleet.engine.identity import Identity
from cronfleet.engine.instance import Instance
from cronfleet.engine.times import Times
from cronfleet.model import RunId
from cronfleet.store import Completion, Order, Recorded
from cronfleet.stores.memory import MemoryStore
from tests.unit.engine.isolated import handlers
from tests.unit.engine.isolated.rig import isolated

HARMLESS = {"print", "log", "noise", "fork", "leave"}
DEADLY = {
    "raise": "failed",
    "exit": "failed",
    "exit at once": "failed",
    "crash": "failed",
    "kill its group": "failed",
    "kill its keeper": "failed",
    "terminate": "failed",
    "lie": "succeeded",
}


class CountingStore(MemoryStore):
    """Notes which outcomes it recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.written: Counter[RunId] = Counter()
        self.has_written = asyncio.Event()

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        answers = await super().complete(completions)
        self.written.update(each.run for each in completions)
        self.has_written.set()
        return answers


def expected(acts: list[str]) -> str:
    """What the first deadly act makes of it; a handler that survives them all has succeeded."""
    return next((DEADLY[act] for act in acts if act in DEADLY), "succeeded")


@settings(max_examples=12, deadline=None)
@given(acts=st.lists(st.sampled_from([*sorted(HARMLESS), *sorted(DEADLY)]), max_size=5))
async def test_the_outcome_is_written_once_and_is_what_came_first(acts: list[str]) -> None:
    store = CountingStore()
    job = isolated(handlers.acts, args={"acts": acts})
    identity, jobs = Identity("app", "anna", "2026a"), {"report": job}
    instance = Instance(store, SystemClock(), Times(), identity, jobs, announcing=Announcing())
    working = asyncio.create_task(instance.run())
    await instance.joined.wait()
    await store.trigger("report", Order("key", "anna"))
    instance.wake()
    await store.has_written.wait()
    instance.stop()
    await working
    (run,) = await store.runs("report")
    assert run.state == expected(acts)
    assert store.written == {run.id: 1}
