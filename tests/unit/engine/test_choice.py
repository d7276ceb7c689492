from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet import at, cron
from cronfleet.engine.choice import Choice, Chooser, foreseen
from cronfleet.engine.known import KnownJob
from cronfleet.engine.ranking import GRACE_MS, Ranking
from cronfleet.engine.seats import Free
from cronfleet.model import Fire, Reason, SessionId
from cronfleet.store import IfActive, TickClaim
from tests.unit.engine.choosing import (
    ANNA,
    BACKUP,
    FIRST,
    MINUTE_MS,
    NOON,
    NOON_MS,
    PRINTER,
    REPORT,
    choose,
    job,
    known,
    name_of,
    pending,
    second_of,
    seen,
    tick,
)

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


def test_when_others_things_would_be_its_own_is_known() -> None:
    what = seen(soon=[tick(BACKUP, NOON_MS + 5), tick(PRINTER, NOON_MS + 7)])
    jobs = known(BACKUP, PRINTER)
    assert choose(jobs, what).others_at is None
    seconds = choose(jobs, what, ranking=second_of(BACKUP, PRINTER))
    assert seconds.others_at == NOON_MS + 5 + GRACE_MS


def test_of_what_is_due_soon_no_more_is_looked_at_than_can_come_first() -> None:
    looked_at = list[str]()

    class Watched(dict[str, KnownJob]):
        def get(self, key: str, default: Any = None) -> Any:
            looked_at.append(key)
            return super().get(key, default)

    soon = [tick(REPORT, NOON_MS + 5), tick(BACKUP, NOON_MS + 9), tick(PRINTER, NOON_MS + 9)]
    jobs = Watched(known(REPORT, BACKUP, PRINTER))
    assert choose(jobs, seen(soon=soon)).look_again_at == NOON_MS + 5
    assert looked_at == ["report"]


def test_whether_all_that_is_ripe_is_asked_for_is_said() -> None:
    both, jobs = seen(tick(REPORT), pending=[pending(BACKUP)]), known(REPORT, BACKUP)
    assert choose(jobs, both).is_all
    assert not choose(jobs, both, free=Free(coroutines=1, threads=9)).is_all
    ended = job("ended", at(NOON))
    assert choose(known(ended), seen(tick(ended))).is_all
    behind = job("behind", options={"misfire": "all", "overlap": "allow"})
    late = seen(tick(behind), now=NOON_MS + 3 * MINUTE_MS)
    assert choose(known(behind), late).is_all
    assert not choose(known(behind), late, free=Free(coroutines=2, threads=9)).is_all


# --- what it knows


def test_a_job_or_a_definition_that_it_does_not_know_is_left_to_others() -> None:
    newer = job("report", options={"max_active": 2})
    unknown = seen(
        tick(newer),
        tick(BACKUP),
        soon=[tick(newer, NOON_MS + 5)],
        pending=[pending(newer), pending(BACKUP)],
    )
    assert choose(known(REPORT), unknown) == Choice([], None, is_all=True)
    assert not Chooser(known(REPORT), FIRST).can_use(unknown, Free(9, 9))


def test_a_page_is_of_use_by_one_tick_or_one_pending_run_that_has_a_seat() -> None:
    chooser, free = Chooser(known(REPORT), FIRST), Free(coroutines=1, threads=0)
    assert chooser.can_use(seen(tick(BACKUP), tick(REPORT)), free)
    assert chooser.can_use(seen(tick(BACKUP), pending=[pending(REPORT)]), free)
    assert not chooser.can_use(seen(), free)
    assert not chooser.can_use(seen(tick(REPORT)), Free(coroutines=0, threads=9))


def test_what_has_no_seat_is_known_all_the_same() -> None:
    chooser = Chooser(known(REPORT), FIRST)
    assert chooser.knows_any(seen(tick(BACKUP), pending=[pending(REPORT)]))
    assert not chooser.knows_any(seen(tick(BACKUP), pending=[pending(BACKUP)]))


def test_with_old_tzdata_it_leaves_zoned_jobs_to_the_others() -> None:
    zoned, utc = job("zoned", cron("* * * * *", tz="Europe/Berlin")), job("utc", cron("* * * * *"))
    both = seen(tick(zoned), tick(utc), pending=[pending(zoned), pending(utc)])
    choice = choose(known(zoned, utc, REPORT), both, only_utc=True)
    assert [name_of(item) for item in choice.items] == ["utc", "utc"]
    assert len(choose(known(zoned, utc), both).items) == 4


# --- seats


def test_nothing_is_claimed_without_a_seat_of_its_sort() -> None:
    both = seen(tick(REPORT), tick(PRINTER), pending=[pending(REPORT), pending(PRINTER)])
    jobs = known(REPORT, PRINTER)
    assert [name_of(item) for item in choose(jobs, both, free=Free(0, 1)).items] == ["printer"]
    assert [name_of(item) for item in choose(jobs, both, free=Free(2, 0)).items] == ["report"] * 2
    assert choose(jobs, both, free=Free(0, 0)).items == []


def test_with_few_seats_the_soonest_go_first() -> None:
    both = seen(tick(REPORT, NOON_MS - 5), tick(BACKUP), now=NOON_MS)
    assert [
        name_of(each) for each in choose(known(REPORT, BACKUP), both, free=Free(1, 0)).items
    ] == ["report"]


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
        name_of(item)
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
    assert [name_of(item) for item in items] == ["backup", "report"]


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
