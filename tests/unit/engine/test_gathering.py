from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from cronfleet.engine.gathering import MOST_AT_ONCE, Gathered
from cronfleet.errors import StoreUnavailableError


class Sender:
    """Answers each item with its double, one batch whenever it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.error: Exception | None = None
        self.gate = asyncio.Semaphore(0)

    async def send(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        await self.gate.acquire()
        if self.error:
            raise self.error
        return [2 * item for item in items]


async def written(gathered: Gathered[int, int], *items: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(gathered.write(item)) for item in items]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_alone_is_sent_at_once() -> None:
    sender = Sender()
    (task,) = await written(Gathered(sender.send), 1)
    assert sender.batches == [[1]]
    sender.gate.release()
    assert await task == 2


async def test_what_comes_meanwhile_is_gathered_and_each_has_its_own_answer() -> None:
    sender = Sender()
    gathered = Gathered(sender.send)
    first = await written(gathered, 1)
    others = await written(gathered, 2, 3, 4)
    assert sender.batches == [[1]]
    sender.gate.release()
    sender.gate.release()
    assert await asyncio.gather(*first, *others) == [2, 4, 6, 8]
    assert sender.batches == [[1], [2, 3, 4]]


async def test_a_batch_has_its_most() -> None:
    sender = Sender()
    gathered = Gathered(sender.send)
    tasks = await written(gathered, *range(2 * MOST_AT_ONCE + 1))
    for _ in range(3):
        sender.gate.release()
    assert len(await asyncio.gather(*tasks)) == 2 * MOST_AT_ONCE + 1
    assert [len(batch) for batch in sender.batches] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]


async def test_an_error_is_told_to_its_batch_alone() -> None:
    sender = Sender()
    gathered = Gathered(sender.send)
    first = await written(gathered, 1)
    others = await written(gathered, 2, 3)
    sender.error = StoreUnavailableError("memory:", "gone")
    sender.gate.release()
    with pytest.raises(StoreUnavailableError):
        await first[0]
    sender.error = None
    sender.gate.release()
    assert await asyncio.gather(*others) == [4, 6]


async def test_who_no_longer_waits_keeps_nobody_else_from_an_answer() -> None:
    sender = Sender()
    one, two = await written(Gathered(sender.send), 1, 2)
    one.cancel()
    await asyncio.sleep(0)
    sender.gate.release()
    assert await two == 4


async def test_after_an_error_those_who_no_longer_wait_are_passed_over() -> None:
    sender = Sender()
    one, two = await written(Gathered(sender.send), 1, 2)
    one.cancel()
    await asyncio.sleep(0)
    sender.error = StoreUnavailableError("memory:", "gone")
    sender.gate.release()
    with pytest.raises(StoreUnavailableError):
        await two


async def test_after_an_error_that_is_no_stores_nobody_waits_for_ever() -> None:
    """A bug below ends the sender; whoever waits must hear of it, and later writes must work."""
    sender = Sender()
    gathered = Gathered(sender.send)
    tasks = await written(gathered, *range(MOST_AT_ONCE + 1))
    assert gathered._sender is not None
    sender_task = gathered._sender
    sender.error = ZeroDivisionError("a bug")
    sender.gate.release()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} == {asyncio.CancelledError}
    with pytest.raises(ZeroDivisionError):
        await sender_task
    sender.error = None
    (task,) = await written(gathered, 7)
    sender.gate.release()
    assert await task == 14
