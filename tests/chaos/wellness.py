"""When no fault strikes any more all must become well, within a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from cronfleet import CronfleetError
from cronfleet.model import Reason
from tests.chaos.jobs import steady
from tests.chaos.patience import comes_true
from tests.chaos.rig import Rig

BOUND_S = 90
LOOK_S = 0.3


class Wellness:
    """Looks until all is well; `troubles` are what did not become so in time."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.troubles: list[str] = []
        self.poisoned = 0
        """How many jobs had to be resumed because their runs were lost three times in a row."""
        self.took_s: dict[str, float] = {}
        """How long each step took."""
        self._since = time.time_ns() // 1_000_000

    async def reached(self) -> bool:
        """All instances work again, each job's ticks are settled, and then nothing is held."""
        self._undo_faults()
        await self._let_both_editions_work()
        await self._until("every instance is at work", self._all_work)
        await self._until("no job is paused", self._none_is_paused)
        self._since = time.time_ns() // 1_000_000
        await self._until("every job's ticks are settled again", self._all_tick)
        await self._until("every job is paused", self._all_are_paused)
        await self._until("nothing is held, pending or waiting", self._nothing_is_active)
        await self._end_all()
        await self._look_at_the_store()
        return not self.troubles

    def _undo_faults(self) -> None:
        for process in self._rig.instances:
            process.thaw()
        for clock in self._rig.clocks.values():
            clock.set(0)
        if self._rig.store.clock is not None:
            self._rig.store.clock.set(0)

    async def _let_both_editions_work(self) -> None:
        """Nobody else takes what an edition has left of a job that the other does not know."""
        process = self._rig.instances[0]
        self._rig.deploy(process, self._rig.other_edition())
        ended = len(process.ends)

        async def has_been_replaced() -> bool:
            process.terminate()
            return process.has_ended() or len(process.ends) > ended

        await self._until("one instance is of the other edition", has_been_replaced)

    async def _until(self, what: str, is_so: Callable[[], Awaitable[bool]]) -> None:
        async def is_known_to_be_so() -> bool:
            try:
                return await is_so()
            except CronfleetError:
                return False  # The store is on its way back.

        began = time.monotonic()
        if await comes_true(is_known_to_be_so, BOUND_S, LOOK_S):
            self.took_s[what] = time.monotonic() - began
        else:
            self.troubles.append(f"not so after {BOUND_S} s: {what}")

    async def _all_work(self) -> bool:
        """And those that died are members no more."""
        members = await self._rig.operator.instances()
        at_work = await self._rig.is_at_work(*self._rig.instances)
        return at_work and len(members) == len(self._rig.instances)

    async def _none_is_paused(self) -> bool:
        paused = [job for job in await self._rig.jobs() if job.paused]
        for job in paused:
            self.poisoned += job.paused_reason is Reason.POISONED
            await self._rig.operator.resume(job.name, who="chaos")
        return not paused

    async def _all_tick(self) -> bool:
        """But of those that no instance declares after a deploy, which are told of once a minute."""
        names = steady(self._rig.settings.load)
        settled = {job.name: job.watermark for job in await self._rig.jobs()}
        return all(settled.get(name, 0) > self._since for name in names)

    async def _all_are_paused(self) -> bool:
        going = [job for job in await self._rig.jobs() if not job.paused]
        pause = self._rig.operator.pause
        await asyncio.gather(*(pause(job.name, who="chaos") for job in going))
        return not going

    async def _nothing_is_active(self) -> bool:
        return all(job.active == 0 for job in await self._rig.jobs())

    async def _end_all(self) -> None:
        for process in self._rig.instances:
            self._rig.supervisor.let_go(process)
            process.terminate()
        await self._until("every instance has drained", self._all_have_ended)
        statuses = [process.ends[-1].status for process in self._rig.instances if process.ends]
        if any(statuses):
            self.troubles.append(f"instances that drained ended with {statuses}")

    async def _look_at_the_store(self) -> None:
        """Its own check is no proof, and what it finds is a fault all the same."""
        for fault in await self._rig.operator.store_check():
            self.troubles.append(f"in the store: {fault.where}: {fault.what}")

    async def _all_have_ended(self) -> bool:
        return all(process.has_ended() for process in self._rig.instances)
