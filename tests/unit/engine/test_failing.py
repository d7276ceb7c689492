"""A task that was to go on for ever does not end unheard."""

from __future__ import annotations

import asyncio
from typing import Any

from cronfleet.engine.failing import tell_if_it_failed


async def heard_of(work: asyncio.Task[None]) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: heard.append(context))
    work.add_done_callback(tell_if_it_failed)
    await asyncio.wait({work})
    await asyncio.sleep(0)
    loop.set_exception_handler(None)
    return heard


async def test_what_ended_a_task_is_told_with_its_name() -> None:
    async def prune() -> None:
        raise KeyError("shard")

    (told,) = await heard_of(asyncio.create_task(prune(), name="cronfleet-janitor"))
    assert told["message"] == "cronfleet-janitor has ended"
    assert isinstance(told["exception"], KeyError)


async def test_an_end_that_was_asked_for_is_not_told() -> None:
    task = asyncio.create_task(asyncio.sleep(3_600))
    task.cancel()
    assert await heard_of(task) == []
