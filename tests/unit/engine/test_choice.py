from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet import RunContext, at, cron, every
from cronfleet.engine.choice import (
    ENOUGH_OF_ITS_OWN,
    LEFT_TO_OTHERS_MS,
    MOST_CLAIMED,
    Choice,
    Chooser,
    foreseen,
)
from cronfleet.engine.known import Handler, KnownJob, KnownJobs
from cronfleet.engine.ranking import GRACE_MS, SHARD_GRACE_MS, Ranking
from cronfleet.engine.seats import Free
from cronfleet.model import Fire, Reason, RunId, SessionId
from cronfleet.registry import JobOptions, known_job
from cronfleet.schedule import Schedule
from cronfleet.store import MOST_MADE, DueTick, IfActive, PendingClaim, PendingRun, Seen, TickClaim

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
NOON_MS = round(NOON.timestamp() * 1000)
MINUTE_MS = 60_000
ANNA, BERT = SessionId("anna"), SessionId("bert")
FIRST = Ranking(ANNA, ())
MANY = Free(100, 100)
EACH_MINUTE = every(timedelta(minutes=1))


async def coroutine(run: RunContext) -> None: ...


def plain(run: RunContext) -> None: ...


def job(
    name: str,
    schedule: Schedule = EACH_MINUTE,
    handler: Handler = coroutine,
    options: JobOptions | None = None,
) -> KnownJob:
    return known_job(handler, schedule, name, options or {})


def known(*jobs: KnownJob) -> KnownJobs:
    return {each.definition.name: each for each in jobs}


def tick(job: KnownJob, due: int = NOON_MS) -> DueTick:
    return DueTick(job.definition.name, 3, job.digest, Fire(due, due), 0)


def pending(job: KnownJob, number: int = 1) -> PendingRun:
    return PendingRun(RunId(job.definition.name, NOON_MS, number), job.digest)


def seen(
    *due: DueTick,
    soon: Sequence[DueTick] = (),
    pending: Sequence[PendingRun] = (),
    next_due: int | None = None,
    now: int = NOON_MS,
) -> Seen:
    return Seen(now, list(due), list(soon), tuple(pending), next_due)


def second_of(*jobs: KnownJob) -> Ranking:
    """A ranking by which all these go to another session first."""
    for n in range(10_000):
        peer = SessionId(f"peer-{n}")
        ranking = Ranking(ANNA, {ANNA, peer})
        if all(ranking.rank(each.definition.name) == 1 for each in jobs):
            return ranking
    raise AssertionError("no such peer")


REPORT, BACKUP = job("report"), job("backup")
PRINTER = job("printer", handler=plain)


def choose(
    jobs: KnownJobs,
    what: Seen,
    *,
    ranking: Ranking = FIRST,
    free: Free = MANY,
    only_utc: bool = False,
) -> Choice:
    return Chooser(jobs, ranking, only_utc).choose(what, Free(free.coroutines, free.threads))


# --- whose turn it is


def test_who_goes_first_claims_what_is_due_at_once() -> None:
    choice = choose(known(REPORT), seen(tick(REPORT)))
    following = NOON_MS + MINUTE_MS
    assert choice.items == [
        TickClaim("report", 3, NOON_MS, NOON_MS, Fire(following, following), None)
    ]


def test_who_goes_second_leaves_it_for_a_grace_and_looks_again_when_that_ends() -> None:
    choice = choose(known(REPORT), seen(tick(REPORT)), ranking=second_of(REPORT))
    assert (choice.items, choice.look_again_at) == ([], NOON_MS + GRACE_MS)


def test_when_the_grace_has_ended_who_goes_second_claims_it() -> None:
    late = seen(tick(REPORT), now=NOON_MS + GRACE_MS)
    assert len(choose(known(REPORT), late, ranking=second_of(REPORT)).items) == 1


def test_what_is_due_soon_is_looked_at_when_this_instances_turn_comes() -> None:
    soon = seen(soon=[tick(REPORT, NOON_MS + 700)], next_due=NOON_MS + 700)
    assert choose(known(REPORT), soon).look_again_at == NOON_MS + 700
    other = seen(soon=[tick(REPORT, NOON_MS + 700)])
    ranked = choose(known(REPORT), other, ranking=second_of(REPORT))
    assert ranked.look_again_at == NOON_MS + 700 + GRACE_MS


def test_it_looks_again_when_the_next_thing_is_due_if_that_is_known() -> None:
    assert choose(known(REPORT), seen(next_due=NOON_MS + 9)).look_again_at == NOON_MS + 9
    assert choose(known(REPORT), seen()).look_again_at is None


# --- what it knows


def test_a_job_or_a_definition_that_it_does_not_know_is_left_to_others() -> None:
    newer = job("report", options={"max_active": 2})
    unknown = seen(
        tick(newer),
        tick(BACKUP),
        soon=[tick(newer, NOON_MS + 5)],
        pending=[pending(newer), pending(BACKUP)],
    )
    assert choose(known(REPORT), unknown) == Choice([], None)
    assert not Chooser(known(REPORT), FIRST).can_use(unknown, Free(9, 9))


def test_a_page_is_of_use_by_one_tick_or_one_pending_run_that_has_a_seat() -> None:
    chooser, free = Chooser(known(REPORT), FIRST), Free(coroutines=1, threads=0)
    assert chooser.can_use(seen(tick(BACKUP), tick(REPORT)), free)
    assert chooser.can_use(seen(tick(BACKUP), pending=[pending(REPORT)]), free)
    assert not chooser.can_use(seen(), free)
    assert not chooser.can_use(seen(tick(REPORT)), Free(coroutines=0, threads=9))


def test_with_old_tzdata_it_leaves_zoned_jobs_to_the_others() -> None:
    zoned, utc = job("zoned", cron("* * * * *", tz="Europe/Berlin")), job("utc", cron("* * * * *"))
    both = seen(tick(zoned), tick(utc), pending=[pending(zoned), pending(utc)])
    choice = choose(known(zoned, utc, REPORT), both, only_utc=True)
    assert [_name(item) for item in choice.items] == ["utc", "utc"]
    assert len(choose(known(zoned, utc), both).items) == 4


def _name(item: object) -> str:
    assert isinstance(item, TickClaim | PendingClaim)
    return item.job if isinstance(item, TickClaim) else item.run.job


# --- seats


def test_nothing_is_claimed_without_a_seat_of_its_sort() -> None:
    both = seen(tick(REPORT), tick(PRINTER), pending=[pending(REPORT), pending(PRINTER)])
    jobs = known(REPORT, PRINTER)
    assert [_name(item) for item in choose(jobs, both, free=Free(0, 1)).items] == ["printer"]
    assert [_name(item) for item in choose(jobs, both, free=Free(2, 0)).items] == ["report"] * 2
    assert choose(jobs, both, free=Free(0, 0)).items == []


def test_with_few_seats_the_soonest_go_first() -> None:
    both = seen(tick(REPORT, NOON_MS - 5), tick(BACKUP), now=NOON_MS)
    assert [_name(each) for each in choose(known(REPORT, BACKUP), both, free=Free(1, 0)).items] == [
        "report"
    ]


def test_ticks_that_are_only_skipped_need_no_seat() -> None:
    expired = job("expired", at(NOON), options={"misfire_grace": timedelta(seconds=1)})
    late = seen(tick(expired), now=NOON_MS + MINUTE_MS)
    (item,) = choose(known(expired), late, free=Free(0, 0)).items
    assert isinstance(item, TickClaim)
    assert item.fire_time is None
    assert item.gap is not None
    assert item.gap.reason is Reason.MISFIRE


def test_a_job_that_catches_up_takes_a_seat_a_tick_and_goes_on_later() -> None:
    eager = job("eager", options={"misfire": "all", "overlap": "allow"})
    late = seen(tick(eager), now=NOON_MS + 5 * MINUTE_MS)
    items = choose(known(eager), late, free=Free(3, 0)).items
    assert [item.fire_time for item in items if isinstance(item, TickClaim)] == [
        NOON_MS + n * MINUTE_MS for n in range(3)
    ]


def test_a_tick_of_a_job_at_its_limit_needs_no_seat() -> None:
    """It is skipped or waits; else whoever has taken all seats would never be overtaken."""
    busy = replace(tick(PRINTER), active=1)
    assert len(choose(known(PRINTER), seen(busy), free=Free(1, 0)).items) == 1
    assert Chooser(known(PRINTER), FIRST).can_use(seen(busy), Free(1, 0))


def test_ticks_take_seats_as_far_as_there_is_room_for_their_runs() -> None:
    eager = job("eager", options={"misfire": "all", "overlap": "wait_all", "max_active": 2})
    late = seen(replace(tick(eager), active=1), now=NOON_MS + 5 * MINUTE_MS)
    assert len(choose(known(eager), late, free=Free(1, 0)).items) == 6
    assert choose(known(eager), late, free=Free(0, 9)).items == []


@pytest.mark.parametrize(
    ("overlap", "if_active", "waits"),
    [
        ("skip", IfActive.SKIP, False),
        ("allow", IfActive.SKIP, False),
        ("wait", IfActive.WAIT, True),
        ("wait_all", IfActive.WAIT_ALL, True),
        ("replace", IfActive.REPLACE, True),
    ],
)
def test_a_claim_says_what_becomes_of_the_tick_at_the_limit(
    overlap: Any, if_active: IfActive, *, waits: bool
) -> None:
    report = job("report", options={"overlap": overlap, "misfire_grace": timedelta(minutes=5)})
    (item,) = choose(known(report), seen(tick(report))).items
    assert isinstance(item, TickClaim)
    wanted_until = NOON_MS + 5 * MINUTE_MS if waits else None
    assert (item.if_active, item.wanted_until) == (if_active, wanted_until)


@given(
    st.lists(st.sampled_from([REPORT, BACKUP, PRINTER]), max_size=30),
    st.lists(st.sampled_from([REPORT, BACKUP, PRINTER]), max_size=30),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_it_never_asks_for_more_than_it_can_seat(
    due: list[KnownJob], waiting: list[KnownJob], coroutines: int, threads: int
) -> None:
    what = seen(*map(tick, due), pending=[pending(each, n) for n, each in enumerate(waiting)])
    names = [
        _name(item)
        for item in choose(
            known(REPORT, BACKUP, PRINTER), what, free=Free(coroutines, threads)
        ).items
    ]
    in_threads = names.count("printer")
    wanted_threads = [*due, *waiting].count(PRINTER)
    assert in_threads == min(threads, wanted_threads)
    assert len(names) - in_threads == min(coroutines, len(due) + len(waiting) - wanted_threads)


# --- pending runs


def test_pending_runs_wait_for_no_grace_but_each_takes_first_what_it_ranks_highest_for() -> None:
    ranking = next(
        ranking
        for ranking in (Ranking(ANNA, {ANNA, SessionId(f"peer-{n}")}) for n in range(10_000))
        if (ranking.rank("report"), ranking.rank("backup")) == (1, 0)
    )
    both = seen(pending=[pending(REPORT), pending(BACKUP)])
    items = choose(known(REPORT, BACKUP), both, ranking=ranking).items
    assert [_name(item) for item in items] == ["backup", "report"]


# --- how much at once


def many(count: int) -> list[KnownJob]:
    return [job(f"job-{n:03}") for n in range(count)]


def test_what_is_due_beyond_one_claim_is_left_for_the_next_without_another_look() -> None:
    jobs = many(MOST_CLAIMED + 2)
    due = seen(*map(tick, jobs[1:]), pending=[pending(jobs[0])])
    choice = choose(known(*jobs), due, free=Free(1_000, 0))
    assert len(choice.items) == MOST_CLAIMED
    assert choice.left is not None
    assert choice.left.due == [*map(tick, jobs[-2:])]


def test_what_has_no_seat_keeps_nothing_else_from_being_claimed() -> None:
    printers = [job(f"printer-{n}", handler=plain) for n in range(MOST_CLAIMED)]
    due = seen(*map(tick, printers), tick(REPORT))
    choice = choose(known(*printers, REPORT), due, free=Free(1, 0))
    assert [_name(item) for item in choice.items] == ["report"]


def test_an_instance_claims_first_what_it_goes_first_for_and_leaves_the_rest_to_the_others() -> (
    None
):
    jobs = many(4 * MOST_CLAIMED)
    ranking = Ranking(ANNA, {ANNA, BERT})
    late = seen(*map(tick, jobs), now=NOON_MS + GRACE_MS)
    choice = choose(known(*jobs), late, ranking=ranking, free=Free(1_000, 0))
    assert {ranking.rank(_name(item)) for item in choice.items} == {0}
    assert choice.left is not None
    assert {ranking.rank(each.job) for each in choice.left.due} == {0}


def test_a_claim_that_is_worth_a_call_leaves_to_the_others_what_they_are_about_to_ask_for() -> None:
    jobs = many(2 * MOST_CLAIMED)
    ranking = Ranking(ANNA, {ANNA, BERT})
    own = [each for each in jobs if not ranking.rank(each.definition.name)]
    theirs = [each for each in jobs if ranking.rank(each.definition.name)]
    assert len(own) > ENOUGH_OF_ITS_OWN

    def asked_for(count: int) -> int:
        late = seen(*map(tick, (*own[:count], *theirs)), now=NOON_MS + GRACE_MS)
        return len(choose(known(*jobs), late, ranking=ranking, free=Free(1_000, 0)).items)

    assert asked_for(ENOUGH_OF_ITS_OWN) == ENOUGH_OF_ITS_OWN
    assert asked_for(ENOUGH_OF_ITS_OWN - 1) == ENOUGH_OF_ITS_OWN
    assert asked_for(0) == min(MOST_CLAIMED, len(theirs))


def test_of_what_others_leave_it_takes_first_what_they_would_ask_for_last() -> None:
    jobs = many(20)
    ranking = Ranking(ANNA, {ANNA, BERT})
    theirs = [each for each in jobs if ranking.rank(each.definition.name)]
    late = seen(*map(tick, theirs), now=NOON_MS + GRACE_MS)
    choice = choose(known(*jobs), late, ranking=ranking, free=Free(2, 0))
    assert [_name(item) for item in choice.items] == [
        each.definition.name for each in (theirs[-1], theirs[-2])
    ]


@pytest.mark.parametrize(("longer_ms", "first"), [(-1, "own"), (1, "others")])
def test_what_others_leave_for_long_goes_before_what_is_this_instances_own(
    longer_ms: int, first: str
) -> None:
    """They may have no seat for it, while there is always more of its own."""
    others = job("others")
    ranking = second_of(others)
    own = next(each for each in many(99) if not ranking.rank(each.definition.name))
    left = tick(others, NOON_MS - LEFT_TO_OTHERS_MS - longer_ms)
    choice = choose(known(own, others), seen(left, tick(own)), ranking=ranking, free=Free(1, 0))
    (item,) = choice.items
    assert _name(item) == (own.definition.name if first == "own" else "others")


def test_ticks_do_not_go_before_runs_that_have_waited_longer() -> None:
    waiting = replace(pending(REPORT), not_before=NOON_MS - 1)
    both = seen(tick(BACKUP), pending=[waiting])
    choice = choose(known(REPORT, BACKUP), both, free=Free(1, 0))
    assert [_name(item) for item in choice.items] == ["report"]


def test_ticks_are_asked_for_before_runs_whose_place_they_may_take() -> None:
    report = job("report", options={"overlap": "replace", "max_active": 2})
    waiting = replace(pending(report), not_before=NOON_MS - 1)
    items = choose(known(report), seen(tick(report), pending=[waiting])).items
    assert [type(item) for item in items] == [TickClaim, PendingClaim]


# --- foresight


def test_what_was_seen_coming_is_due_when_its_instant_has_come() -> None:
    before = seen(
        soon=[tick(REPORT, NOON_MS + 5), tick(BACKUP, NOON_MS + 9)],
        pending=[pending(PRINTER)],
        next_due=NOON_MS + 5,
    )
    after = foreseen(before, NOON_MS + 5)
    assert after == seen(
        tick(REPORT, NOON_MS + 5),
        soon=[tick(BACKUP, NOON_MS + 9)],
        next_due=NOON_MS + 9,
        now=NOON_MS + 5,
    )


def test_foresight_leaves_out_what_was_due_or_pending_then_for_others_may_have_it() -> None:
    before = seen(tick(REPORT), pending=[pending(REPORT)])
    assert foreseen(before, NOON_MS + 5) == seen(now=NOON_MS + 5)


# --- shards


SHARDED = job("sharded", options={"shards": 8})


def shards(now: int = NOON_MS, not_before: int = NOON_MS) -> Seen:
    runs = RunId("sharded", NOON_MS).of_shards(8)
    return seen(pending=[PendingRun(run, SHARDED.digest, not_before) for run in runs], now=now)


def taken(ranking: Ranking, what: Seen, free: Free = MANY) -> list[int]:
    choice = choose(known(SHARDED), what, ranking=ranking, free=free)
    return sorted(item.run.shard for item in choice.items if isinstance(item, PendingClaim))


def test_the_sessions_take_turns_at_the_shards_of_a_tick() -> None:
    sessions = [SessionId(f"session-{n}") for n in range(4)]
    shares = [taken(Ranking(session, sessions), shards()) for session in sessions]
    assert [len(share) for share in shares] == [2, 2, 2, 2]
    assert sorted(shard for share in shares for shard in share) == list(range(8))


def test_whoever_ranks_first_for_the_job_has_the_turn_at_the_first_shard() -> None:
    assert 0 not in taken(second_of(SHARDED), shards())


def test_a_session_alone_takes_all_shards_that_it_has_seats_for() -> None:
    assert taken(FIRST, shards()) == list(range(8))
    assert taken(FIRST, shards(), Free(3, 100)) == [0, 1, 2]


def test_a_shard_that_is_left_is_taken_when_the_turn_of_another_is_over() -> None:
    ranking = second_of(SHARDED)
    over = NOON_MS + SHARD_GRACE_MS + GRACE_MS
    assert choose(known(SHARDED), shards(), ranking=ranking).look_again_at == over
    assert taken(ranking, shards(now=over - 1)) == [1, 3, 5, 7]
    assert taken(ranking, shards(now=over)) == list(range(8))


def test_who_is_not_told_is_given_longer() -> None:
    ranking, over = second_of(SHARDED), NOON_MS + SHARD_GRACE_MS + GRACE_MS
    slow = Chooser(known(SHARDED), ranking, shard_grace_ms=SHARD_GRACE_MS + 1_000)
    items = slow.choose(shards(now=over), Free(100, 100)).items
    assert len(items) == 4


def test_a_claim_leaves_no_more_shards_for_others_than_one_step_should_make() -> None:
    jobs = [job(f"job-{n}", options={"shards": 200}) for n in range(9)]
    due = seen(*(tick(each) for each in jobs))
    assert len(choose(known(*jobs), due).items) == MOST_MADE // 199
    unsharded = [job(f"job-{n}") for n in range(9)]
    assert len(choose(known(*unsharded), seen(*map(tick, unsharded))).items) == 9


def test_of_a_tick_with_shards_one_seat_is_needed() -> None:
    assert len(choose(known(SHARDED), seen(tick(SHARDED)), free=Free(1, 0)).items) == 1
