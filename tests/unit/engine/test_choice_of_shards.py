"""The sessions of a fleet share the shards of a tick."""

from __future__ import annotations

from cronfleet.engine.choice import Chooser
from cronfleet.engine.ranking import GRACE_MS, SHARD_GRACE_MS, Ranking
from cronfleet.engine.seats import Free
from cronfleet.model import RunId, SessionId
from cronfleet.store import MOST_MADE, PendingClaim, PendingRun, Seen
from tests.unit.engine.choosing import (
    FIRST,
    MANY,
    NOON_MS,
    choose,
    job,
    known,
    second_of,
    seen,
    tick,
)

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
