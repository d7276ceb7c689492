"""What an instance remembers is bounded, however long it works."""

from __future__ import annotations

import asyncio
from typing import Any

from cronfleet.store import CANCEL, DUE
from tests.unit.engine.rig import EACH_SECOND, Rig, RunState, job


def remembered(anything: object, depth: int = 3) -> int:
    """How many things stand in its containers, and in those of its own parts."""
    count = 0
    for value in _parts(anything):
        if isinstance(value, dict | list | set | frozenset | tuple):
            count += len(value)  # pyright: ignore[reportUnknownArgumentType] - of whatever is in it
        elif depth and type(value).__module__.startswith("cronfleet.engine"):
            count += remembered(value, depth - 1)
    return count


def _parts(anything: object) -> list[Any]:
    slots = [name for kind in type(anything).__mro__ for name in getattr(kind, "__slots__", ())]
    values = [getattr(anything, name) for name in slots if hasattr(anything, name)]
    return [*values, *getattr(anything, "__dict__", {}).values()]


async def test_an_instance_that_works_for_hours_remembers_no_more_than_after_minutes(
    rig: Rig,
) -> None:
    async with rig.at_work(job(rig.handlers.quick, schedule=EACH_SECOND)) as instance:
        await asyncio.sleep(200.5)
        before = remembered(instance)
        rig.handlers.entered.clear()
        await asyncio.sleep(3_000)
        assert len(rig.handlers.entered) > 2_900
        assert remembered(instance) <= before


async def test_sessions_that_were_lost_leave_nothing_behind(rig: Rig) -> None:
    async with rig.at_work(job(rig.handlers.quick, schedule=EACH_SECOND)) as instance:
        await asyncio.sleep(60.5)
        before = remembered(instance)
        for _ in range(50):
            await rig.close_all()
            await asyncio.sleep(15)
        assert instance.trouble == ""
        assert remembered(instance) <= before
        assert (await rig.runs())[0].state is RunState.SUCCEEDED
        listeners = rig.store._hub._listeners
        assert {topic: len(each) for topic, each in listeners.items()} == {DUE: 1, CANCEL: 1}
