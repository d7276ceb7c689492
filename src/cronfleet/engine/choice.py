"""Which due ticks and pending runs this instance asks for: rank, seats and policy. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import merge

from cronfleet.engine.known import KnownJob, KnownJobs
from cronfleet.engine.ranking import MOST_GRACES, SHARD_GRACE_MS, Ranking
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


MOST_CLAIMED = 200
"""About so many ticks and runs in one claim: while they are carried out, the next are claimed."""

ENOUGH_OF_ITS_OWN = 50
"""A claim of as many is worth a call: others' things are left to them, who are about to ask."""

LEFT_TO_OTHERS_MS = 5_000
"""How much longer than its own must a thing have been due to go first, a turn: others may be full."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What to claim now, and when to look at the rest again (store time, if known)."""

    items: Sequence[ClaimItem]
    look_again_at: Instant | None
    left: Seen | None = None
    """What this instance goes first for, and did not ask for yet: it needs no second look."""
    is_all: bool = False
    """Whether everything that is ripe is asked for, or left so."""
    others_at: Instant | None = None
    """When the first of what is left to others would be ripe for this instance, too."""


@dataclass(frozen=True, slots=True)
class _Ripe:
    """What may be asked for now."""

    job: KnownJob
    thing: DueTick | PendingRun
    turn: int
    """0 where this instance goes first."""
    at: int
    """Its place by age."""

    def place(self) -> tuple[Instant, int]:
        """What has the least goes first.

        Of what has been due for as long it takes its own from one end, and others' from the other:
        they are at theirs.
        """
        owed = owed_since(self.thing) + LEFT_TO_OTHERS_MS * min(self.turn, MOST_GRACES)
        return owed, -self.at if self.turn else self.at


@dataclass(slots=True)
class _Waits:
    """When the first is ripe of what is not yet, and the first of what others go first for."""

    first: Instant | None
    others: Instant | None = None

    def add(self, ripe_at: Instant, thing: DueTick | PendingRun) -> None:
        self.first = earliest(ripe_at, self.first)
        if ripe_at > owed_since(thing):
            self.others = earliest(ripe_at, self.others)

    def is_before(self, instant: Instant, *, alone: bool) -> bool:
        """Whether nothing that is due from this instant on can be the first of either."""
        is_known = alone or (self.others is not None and self.others <= instant)
        return is_known and self.first is not None and self.first <= instant


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
        """Take ripe ticks and pending runs while there are seats for them.

        First those for which it ranks highest, and of these the soonest; but what others leave for
        long does not wait for ever.
        """
        ripe, waits = self._ripe(seen)
        to_ask = deque(ripe)
        own_left = sum(each.turn == 0 for each in ripe)
        enough = ENOUGH_OF_ITS_OWN if own_left else MOST_CLAIMED
        items: list[ClaimItem] = []
        is_all = True
        while to_ask and len(items) < (MOST_CLAIMED if own_left else enough):
            each = to_ask.popleft()
            own_left -= each.turn == 0
            claims = _claims(each.job, each.thing, seen.now, free)
            is_all = is_all and _is_through(claims, seen.now)
            items += claims
        # A tick may take the place of its job's runs: those are not to be granted first.
        items.sort(key=lambda item: isinstance(item, PendingClaim))
        left = [each.thing for each in to_ask if each.turn == 0]
        return Choice(
            items,
            waits.first,
            _only(left, seen) if left else None,
            is_all=is_all and len(left) == len(to_ask),
            others_at=waits.others,
        )

    def _ripe(self, seen: Seen) -> tuple[list[_Ripe], _Waits]:
        """What may be asked for now, in this order; and when there may be more."""
        waits = _Waits(seen.next_due)
        for tick in seen.soon:  # The soonest first.
            if waits.is_before(tick.expected.due, alone=self.ranking.is_alone):
                break
            if self._known(tick):
                waits.add(self._ripe_at(tick), tick)
        ripe: list[_Ripe] = []
        for thing in merge(seen.due, seen.pending, key=owed_since):
            job = self._known(thing)
            if job is None:
                continue
            ripe_at = self._ripe_at(thing)
            if ripe_at > seen.now:
                waits.add(ripe_at, thing)
            else:
                ripe.append(_Ripe(job, thing, self._turn(thing), len(ripe)))
        return sorted(ripe, key=_Ripe.place), waits

    def can_use(self, seen: Seen, free: Free) -> bool:
        """Whether anything due or pending could be this instance's, and has a seat now."""
        return any(
            job is not None and (free.of(job) > 0 or _room(job, each) == 0)
            for each in (*seen.due, *seen.pending)
            for job in [self._known(each)]
        )

    def knows_any(self, seen: Seen) -> bool:
        """Whether anything due or pending could be this instance's, if it had a seat."""
        return any(self._known(each) for each in (*seen.due, *seen.pending))

    def _known(self, thing: DueTick | PendingRun) -> KnownJob | None:
        name = thing.job if isinstance(thing, DueTick) else thing.run.job
        job = self.jobs.get(name)
        if job is None or job.digest != thing.digest:
            return None
        return None if self.only_utc and job.plan.schedule.needs_tzdata else job

    def _ripe_at(self, thing: DueTick | PendingRun) -> Instant:
        """When this instance may take it: nobody waits for a grace at runs, but for turns at shards."""
        if isinstance(thing, DueTick):
            return thing.expected.due + self.ranking.grace_ms(thing.job)
        if not thing.run.is_shard:
            return thing.not_before
        return thing.not_before + self.ranking.shard_grace_ms(thing.run, self.shard_grace_ms)

    def _turn(self, thing: DueTick | PendingRun) -> int:
        """0 where it goes first."""
        if isinstance(thing, DueTick):
            return self.ranking.rank(thing.job)
        return self.ranking.turn(thing.run)


def owed_since(thing: DueTick | PendingRun) -> Instant:
    return thing.expected.due if isinstance(thing, DueTick) else thing.not_before


def _claims(
    job: KnownJob, thing: DueTick | PendingRun, now: Instant, free: Free
) -> Sequence[ClaimItem]:
    if isinstance(thing, DueTick):
        return _claims_of_tick(job, thing, now, free)
    if free.of(job) <= 0:
        return ()
    free.take(job)
    return (PendingClaim(thing.run),)


def _claims_of_tick(job: KnownJob, tick: DueTick, now: Instant, free: Free) -> list[ClaimItem]:
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


def _is_through(claims: Sequence[ClaimItem], now: Instant) -> bool:
    """Whether nothing of it is left for want of a seat: no run, and no tick that is due."""
    last = claims[-1] if claims else None
    if isinstance(last, TickClaim):
        return last.following is None or last.following.due > now
    return last is not None


def _room(job: KnownJob, thing: DueTick | PendingRun) -> int:
    """How many ticks could run now, so that they need seats: below 0 any number, 0 for none."""
    if not isinstance(thing, DueTick) or not job.definition.limit:
        return -1
    return max(0, job.definition.limit - thing.active)


def _wanted_until(job: KnownJob, fire_time: Instant | None) -> Instant | None:
    is_waiting = _IF_ACTIVE[job.definition.overlap] is not IfActive.SKIP
    return job.plan.wanted_until(fire_time) if is_waiting and fire_time is not None else None


def _only(things: Sequence[DueTick | PendingRun], seen: Seen) -> Seen:
    due = [each for each in things if isinstance(each, DueTick)]
    pending = [each for each in things if isinstance(each, PendingRun)]
    return Seen(seen.now, due, soon=(), pending=pending, next_due=None)


def foreseen(seen: Seen, now: Instant) -> Seen:
    """What an earlier peek saw coming, looked at from a later instant."""
    at = bisect_right(seen.soon, now, key=_due)
    due, soon = seen.soon[:at], seen.soon[at:]
    next_due = _due(soon[0]) if soon else None
    return replace(seen, now=now, due=due, soon=soon, pending=(), next_due=next_due)


def _due(tick: DueTick) -> Instant:
    return tick.expected.due


def earliest(*instants: Instant | None) -> Instant:
    """Of those that are known; one of them must be."""
    return min(each for each in instants if each is not None)
