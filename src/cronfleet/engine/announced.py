"""A store whose every call is announced: how long it took, or that it failed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any, TypeVar, cast

from cronfleet.engine.announcing import Announcing
from cronfleet.errors import StoreError
from cronfleet.events import Claimed, StoreAnswered, StoreFailed, TicksSkipped
from cronfleet.model import SessionId
from cronfleet.store import (
    ClaimAnswer,
    ClaimItem,
    Granted,
    NotGranted,
    Skipped,
    Store,
    TickClaim,
    Waiting,
)

Answer = TypeVar("Answer")

NOT_CALLS = frozenset({"another", "hints", "locker", "name", "renewer", "tells_all"})
"""What is answered without asking the store: nothing that could take long."""


def announced(store: Store, announcing: Announcing) -> Store:
    """The same store, for an instance whose calls are announced."""
    return cast("Store", _Announced(store, announcing))


class _Announced:
    def __init__(self, store: Store, announcing: Announcing) -> None:
        self._store = store
        self._announcing = announcing

    def __getattr__(self, name: str) -> Any:
        """Whatever the contract has: an operation more needs nothing here."""
        found = getattr(self._store, name)
        if name in NOT_CALLS:
            return found

        def call(*arguments: Any, **options: Any) -> Awaitable[Any]:
            answer = found(*arguments, **options)
            return self._timed(name, answer) if self._announcing.is_heard else answer

        return call

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        asked = self._store.claim(session, items)
        if not self._announcing.is_heard:
            return await asked
        answers = await self._timed("claim", asked)
        self._announcing.announce(_claimed(answers))
        for skipped in _skipped(items, answers):
            self._announcing.announce(skipped)
        return answers

    async def _timed(self, operation: str, asked: Awaitable[Answer]) -> Answer:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            answer = await asked
        except StoreError as error:
            self._announcing.announce(StoreFailed(operation, str(error)))
            raise
        self._announcing.announce(StoreAnswered(operation, loop.time() - began))
        return answer


def _claimed(answers: Sequence[ClaimAnswer]) -> Claimed:
    found = Counter(type(answer) for answer in answers)
    return Claimed(
        granted=found[Granted],
        waiting=found[Waiting],
        skipped=found[Skipped],
        lost=sum(answer is NotGranted.LOST for answer in answers),
    )


def _skipped(items: Sequence[ClaimItem], answers: Sequence[ClaimAnswer]) -> Iterator[TicksSkipped]:
    for item, answer in zip(items, answers, strict=True):
        if isinstance(item, TickClaim) and not isinstance(answer, NotGranted):
            if item.gap is not None:
                yield TicksSkipped(item.job, item.gap.reason.value, item.gap.count)
            if isinstance(answer, Skipped) and item.fire_time is not None:
                yield TicksSkipped(item.job, answer.reason.value, 1)
