"""Which due ticks and pending runs this instance asks for: rank, seats and policy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cronfleet.engine.known import KnownJob, KnownJobs
from cronfleet.engine.ranking import SHARD_GRACE_MS, Ranking
from cronfleet.engine.seats import Free
from cronfleet.model import Instant, Overlap
from cronfleet.policy import settle
from cronfleet.store import ClaimItem, DueTick, IfActive, PendingClaim, PendingRun, Seen, TickClaim

_IF_ACTIVE = {
    Overlap.SKIP: IfActive.SKIP,
    Overlap.WAIT: IfActive.WAIT,
    Overlap.WAIT_ALL: IfActive.WAIT_ALL,
    Overlap.REPLACE: IfActive.REPLACE,
    Overlap.ALLOW: IfActive.SKIP,  # Such a job is never at its limit.
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What to claim now, and when to look at the rest again (store time, if known)."""

    items: Sequence[ClaimItem]
    look_again_at: Instant | None


@dataclass(frozen=True, slots=True)
class Chooser:
    """What an instance knows when it chooses."""

    jobs: KnownJobs
    ranking: Ranking
    only_utc: bool = False
    """Its tzdata is older than the fleet's newest: it leaves zoned jobs to the others."""
    shard_grace_ms: int = SHARD_GRACE_MS
    """For how long it leaves shards to the sessions whose turn it is."""

    def choose(self, seen: Seen, free: Free) -> Choice:
        """Take ripe ticks and pending runs, soonest first, while there are seats for them."""
        items: list[ClaimItem] = []
        later = [] if seen.next_due is None else [seen.next_due]
        for tick in seen.due:
            job = self._known(tick)
            if job is None:
                continue
            ripe_at = tick.expected.due + self.ranking.grace_ms(tick.job)
            if ripe_at > seen.now:
                later.append(ripe_at)
            else:
                items += _claims(job, tick, seen.now, free)
        items += self._pending(seen, free)
        later += self._turns_to_come(seen)
        later += self._ripe_soon(seen.soon)
        return Choice(items, min(later, default=None))

    def can_use(self, seen: Seen, free: Free) -> bool:
        """Whether anything due or pending could be this instance's, and has a seat now."""
        return any(
            job is not None and (free.of(job) > 0 or _room(job, each) == 0)
            for each in (*seen.due, *seen.pending)
            for job in [self._known(each)]
        )

    def _known(self, thing: DueTick | PendingRun) -> KnownJob | None:
        name = thing.job if isinstance(thing, DueTick) else thing.run.job
        job = self.jobs.get(name)
        if job is None or job.digest != thing.digest:
            return None
        return None if self.only_utc and job.plan.schedule.needs_tzdata else job

    def _pending(self, seen: Seen, free: Free) -> list[ClaimItem]:
        # Nobody waits for a grace here, but for a turn at shards; each takes first what it ranks highest for.
        ripe = [each for each in seen.pending if self._ripe_at(each) <= seen.now]
        ranked = sorted(ripe, key=lambda each: self.ranking.rank(each.run.job))
        items: list[ClaimItem] = []
        for each in ranked:
            job = self._known(each)
            if job and free.of(job) > 0:
                free.take(job)
                items.append(PendingClaim(each.run))
        return items

    def _ripe_at(self, pending: PendingRun) -> Instant:
        """When this instance may take it; of shards each at first those whose turn is its own."""
        if not pending.run.is_shard:
            return pending.not_before
        return pending.not_before + self.ranking.shard_grace_ms(pending.run, self.shard_grace_ms)

    def _turns_to_come(self, seen: Seen) -> list[Instant]:
        ripe_at = [self._ripe_at(each) for each in seen.pending if self._known(each)]
        return [instant for instant in ripe_at if instant > seen.now]

    def _ripe_soon(self, soon: Iterable[DueTick]) -> list[Instant]:
        return [
            tick.expected.due + self.ranking.grace_ms(tick.job)
            for tick in soon
            if self._known(tick)
        ]


def _claims(job: KnownJob, tick: DueTick, now: Instant, free: Free) -> list[ClaimItem]:
    items: list[ClaimItem] = []
    room = _room(job, tick)
    for step in settle(job.plan, tick.expected.fire_time, now):
        if step.fire_time is not None and room != 0:
            if not free.may_take_tick(job):
                break
            free.take_tick(job)
            room -= 1
        items.append(
            TickClaim(
                job=tick.job,
                generation=tick.generation,
                expected=step.expected,
                fire_time=step.fire_time,
                following=step.following,
                gap=step.gap,
                if_active=_IF_ACTIVE[job.definition.overlap],
                wanted_until=_wanted_until(job, step.fire_time),
            )
        )
    return items


def _room(job: KnownJob, thing: DueTick | PendingRun) -> int:
    """How many ticks could run now, so that they need seats: below 0 any number, 0 for none."""
    if not isinstance(thing, DueTick) or not job.definition.limit:
        return -1
    return max(0, job.definition.limit - thing.active)


def _wanted_until(job: KnownJob, fire_time: Instant | None) -> Instant | None:
    is_waiting = _IF_ACTIVE[job.definition.overlap] is not IfActive.SKIP
    return job.plan.wanted_until(fire_time) if is_waiting and fire_time is not None else None


def foreseen(seen: Seen, now: Instant) -> Seen:
    """What an earlier peek saw coming, looked at from a later instant."""
    due = [tick for tick in seen.soon if tick.expected.due <= now]
    soon = [tick for tick in seen.soon if tick.expected.due > now]
    next_due = min((tick.expected.due for tick in soon), default=None)
    return replace(seen, now=now, due=due, soon=soon, pending=(), next_due=next_due)
