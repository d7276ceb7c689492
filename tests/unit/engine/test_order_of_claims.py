"""What goes first when there is more than one claim or the seats can take."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cronfleet.engine.choice import ENOUGH_OF_ITS_OWN, LEFT_TO_OTHERS_MS, MOST_CLAIMED
from cronfleet.engine.known import KnownJob
from cronfleet.engine.ranking import GRACE_MS, Ranking
from cronfleet.engine.seats import Free
from cronfleet.store import PendingClaim, TickClaim
from tests.unit.engine.choosing import (
    ANNA,
    BACKUP,
    BERT,
    NOON_MS,
    REPORT,
    choose,
    job,
    known,
    name_of,
    pending,
    plain,
    second_of,
    seen,
    tick,
)


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
    assert [name_of(item) for item in choice.items] == ["report"]


def test_an_instance_claims_first_what_it_goes_first_for_and_leaves_the_rest_to_the_others() -> (
    None
):
    jobs = many(4 * MOST_CLAIMED)
    ranking = Ranking(ANNA, {ANNA, BERT})
    late = seen(*map(tick, jobs), now=NOON_MS + GRACE_MS)
    choice = choose(known(*jobs), late, ranking=ranking, free=Free(1_000, 0))
    assert {ranking.rank(name_of(item)) for item in choice.items} == {0}
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
    assert [name_of(item) for item in choice.items] == [
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
    assert name_of(item) == (own.definition.name if first == "own" else "others")


def test_ticks_do_not_go_before_runs_that_have_waited_longer() -> None:
    waiting = replace(pending(REPORT), not_before=NOON_MS - 1)
    both = seen(tick(BACKUP), pending=[waiting])
    choice = choose(known(REPORT, BACKUP), both, free=Free(1, 0))
    assert [name_of(item) for item in choice.items] == ["report"]


def test_ticks_are_asked_for_before_runs_whose_place_they_may_take() -> None:
    report = job("report", options={"overlap": "replace", "max_active": 2})
    waiting = replace(pending(report), not_before=NOON_MS - 1)
    items = choose(known(report), seen(tick(report), pending=[waiting])).items
    assert [type(item) for item in items] == [TickClaim, PendingClaim]
