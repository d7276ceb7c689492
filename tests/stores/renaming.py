"""A store under test whose tokens are shown as those that the reference gave for the same grants.

Its own tokens rise too, but are not made by the reference's rule: that one needs one record for
all claims of a fleet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from cronfleet.model import Claim, JobName, RunId, RunRecord, SessionId
from cronfleet.store import (
    ClaimAnswer,
    ClaimItem,
    Completion,
    Granted,
    HeldRun,
    Recorded,
    Start,
    Store,
)
from cronfleet.stores.memory import MemoryStore

Shown = TypeVar("Shown", Start, Completion, Claim, RunRecord)


class Renaming:
    """Asked after the reference, it answers with the reference's tokens."""

    def __init__(self, store: Store, reference: MemoryStore) -> None:
        self._store = store
        self._reference = reference
        self._theirs: dict[int, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, session: SessionId, items: Sequence[ClaimItem]) -> list[ClaimAnswer]:
        answers = await self._store.claim(session, items)
        for answer in answers:
            if isinstance(answer, Granted):
                await self._learn(answer.claim)
        return [
            Granted(self._as_theirs(each.claim)) if isinstance(each, Granted) else each
            for each in answers
        ]

    async def start(self, session: SessionId, starts: Sequence[Start]) -> list[bool]:
        return await self._store.start(session, [self._as_ours(each) for each in starts])

    async def complete(self, completions: Sequence[Completion]) -> list[Recorded]:
        return await self._store.complete([self._as_ours(each) for each in completions])

    async def release(self, claims: Sequence[Claim]) -> list[bool]:
        return await self._store.release([self._as_ours(each) for each in claims])

    async def held(self, session: SessionId) -> list[HeldRun]:
        held = await self._store.held(session)
        return [HeldRun(self._as_theirs(each.claim), each.state) for each in held]

    async def run(self, run: RunId) -> RunRecord | None:
        found = await self._store.run(run)
        return self._as_theirs(found) if found else None

    async def runs(self, job: JobName, limit: int = 50, skip: int = 0) -> list[RunRecord]:
        return [self._as_theirs(run) for run in await self._store.runs(job, limit, skip)]

    async def _learn(self, claim: Claim) -> None:
        granted = await self._reference.run(claim.run)
        last = max(self._theirs, default=0)
        assert claim.token > last, f"{claim} has no greater token than an earlier one, {last}"
        if granted:
            self._theirs[claim.token] = granted.token

    def _as_theirs(self, shown: Shown) -> Shown:
        return replace(shown, token=self._theirs.get(shown.token, shown.token))

    def _as_ours(self, asked: Shown) -> Shown:
        ours = {theirs: ours for ours, theirs in self._theirs.items()}
        return replace(asked, token=ours.get(asked.token, -1))
