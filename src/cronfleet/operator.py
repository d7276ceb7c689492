"""What can be ordered of a fleet, by whoever opens its store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cronfleet import verbs
from cronfleet.adopting import adopt
from cronfleet.backfilling import Span, bounds, span_of
from cronfleet.checking import Check
from cronfleet.info import (
    Adoption,
    BackfillInfo,
    FaultInfo,
    JobInfo,
    RunInfo,
    TriggeredRun,
    moment,
)
from cronfleet.model import JobRecord
from cronfleet.observer import Observer
from cronfleet.opening import in_its_loop
from cronfleet.pausing import end_of_pause


class Operator(Observer):
    """The verbs on one store. It opens the store when it is first needed."""

    def _wake(self) -> None:
        """There may be something to claim."""

    # --- ordering

    @in_its_loop
    async def trigger(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> TriggeredRun:
        """Run a job now; while it is at its limit the run waits. A paused job runs, too.

        The same `key` within 24 h makes no second run. Raises UnknownJobError.
        """
        store = await self._opened()
        made = await verbs.trigger(store, name, verbs.order(key, who, why))
        self._wake()
        return TriggeredRun(str(made.run), made.state.value, made.paused)

    @in_its_loop
    async def pause(
        self,
        name: str,
        *,
        until: datetime | None = None,
        key: str | None = None,
        who: str = "",
        why: str = "",
    ) -> JobInfo:
        """Make no more ticks of the job; its runs go on.

        With `until` it is resumed by itself then: what is due from that instant on runs. A pause
        with another end takes the place of the one before, but for that of a poisoned job. Raises
        UnknownJobError, InvalidPauseError.
        """
        end = None if until is None else end_of_pause(name, until)
        await verbs.pause(await self._opened(), name, verbs.order(key, who, why), end)
        return await self.job_info(name)

    @in_its_loop
    async def resume(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        """Make ticks again, from now on. Raises UnknownJobError."""
        await verbs.resume(await self._opened(), name, verbs.order(key, who, why))
        self._wake()
        return await self.job_info(name)

    @in_its_loop
    async def skip_next(
        self, name: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> JobInfo:
        """Settle the next tick without running it. Raises UnknownJobError."""
        await verbs.skip_next(await self._opened(), name, verbs.order(key, who, why))
        self._wake()
        return await self.job_info(name)

    @in_its_loop
    async def backfill(  # noqa: PLR0913 - each is an option with a default
        self,
        name: str,
        first: datetime,
        last: datetime,
        *,
        dry_run: bool = False,
        again: bool = False,
        key: str | None = None,
        who: str = "",
        why: str = "",
    ) -> BackfillInfo:
        """Run the fire times first <= t <= last by hand, 1,000 at the most, as far as they have not.

        Only those that have passed and will not become ticks any more. With `again`, also those
        that have run; `dry_run` only tells what would be made. The runs go one after the other
        where the job has a limit. The same `key` for another span is another order. Raises UnknownJobError, InvalidBackfillError.
        """
        store = await self._opened()
        job = await verbs.live_job(store, name)
        low, high = bounds(name, first, last)
        span = await span_of(store, job, low, high, again=again)
        if dry_run:
            return _told_of(job, span, made=len(span.wanted), dry_run=True)
        order = verbs.order(key and f"{key}+{low}+{high}+{again}", who, why)
        done = await verbs.backfill(store, name, span, order, again=again)
        self._wake()
        return _told_of(job, span, made=done.made, dry_run=False)

    @in_its_loop
    async def cancel(
        self, run: str, *, key: str | None = None, who: str = "", why: str = ""
    ) -> RunInfo:
        """Cancel a run by its id; answers how it stands then. Raises UnknownRunError.

        What nobody has started is cancelled at once. The handler of a started run is cancelled by
        its instance, and makes no further attempt. One that has ended stays as it is.
        """
        stands = await verbs.cancel(await self._opened(), run, verbs.order(key, who, why))
        self._wake()
        return RunInfo.of(stands)

    # --- caring for what is stored

    @in_its_loop
    async def store_adopt(
        self, *, store_id: str | None = None, who: str = "", why: str = ""
    ) -> Adoption:
        """Go on with a store that was emptied, restored or replaced; only with `store_id` if said.

        What it expects up to now is settled without runs, and runs that nobody has started are
        cancelled: they may have run already. Instances that had stopped go on. Raises StoreError.
        """
        store = await self._opened()
        id_seen = store_id or (await store.open()).id
        done = await adopt(store, id_seen, verbs.order(None, who, why))
        return Adoption(done.info.id, done.info.epoch, done.jobs_settled, done.runs_cancelled)

    @in_its_loop
    async def store_check(
        self,
        *,
        repair: bool = False,
        who: str = "",
        why: str = "",
        told: Callable[[int], None] | None = None,
    ) -> list[FaultInfo]:
        """Look for what is wrong with what is stored; with `repair`, mend what can be mended.

        One atomic step a job, while the fleet works on. `told` hears how many jobs were looked
        at. Raises StoreError.
        """
        order = verbs.order(None, who, why) if repair else None
        found = await Check(await self._opened(), self._clock, order).faults(told)
        return [FaultInfo(f.kind, f.where, f.what, f.repair, f.mended) for f in found]


def _told_of(job: JobRecord, span: Span, *, made: int, dry_run: bool) -> BackfillInfo:
    times = span.fire_times
    return BackfillInfo(
        job=job.name,
        fire_times=len(times),
        first=moment(times[0]) if times else None,
        last=moment(times[-1]) if times else None,
        made=made,
        had_run=len(times) - made,
        unrecorded=span.unrecorded,
        dry_run=dry_run,
        paused=job.paused,
    )
