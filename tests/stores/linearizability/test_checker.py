"""The checker finds what was planted, and nothing where there is nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pytest

from cronfleet.model import Outcome, RunId, RunState, SessionId, StartId
from cronfleet.store import IfActive
from tests.stores.linearizability import checker
from tests.stores.linearizability.checker import Told, UndecidedError, violation
from tests.stores.linearizability.model import (
    STEP_MS,
    Answer,
    Call,
    Cancel,
    ClaimRun,
    ClaimTick,
    Complete,
    Granted,
    Held,
    Look,
    Looked,
    Register,
    Release,
    StartRun,
    Trigger,
    Triggered,
)
from tests.stores.linearizability.passing import with_passed_over

TICK = RunId("raced", 0)
ANNA, BEN = SessionId("anna"), SessionId("ben")
START = Register(expected=0, limit=1, now=77)
ID, OTHER_ID = StartId("1"), StartId("2")
BY_HAND = RunId("raced", 77, 1)


@dataclass
class Written:
    """A history by hand: each call comes after the one before it unless it is told when."""

    told: list[Told] = field(default_factory=list[Told])

    def call(
        self, call: Call, answer: Answer, invoked: float | None = None, returned: float = 0
    ) -> Written:
        at = float(len(self.told)) if invoked is None else invoked
        self.told.append(Told("anybody", call, answer, at, returned or at + 0.5))
        return self

    def unknown(self, call: Call) -> Written:
        self.told.append(Told("anybody", call, None, float(len(self.told)), math.inf))
        return self

    @property
    def is_found(self) -> bool:
        return violation(self.told, START) is not None

    @property
    def is_found_of_one_that_passes_over(self) -> bool:
        """Of a store that takes steps side by side."""
        return violation(with_passed_over(self.told), START) is not None


def claimed() -> Written:
    return Written().call(ClaimTick(ANNA, 0), Granted(TICK, 5))


def started() -> Written:
    return claimed().call(StartRun(ANNA, TICK, 5, ID), answer=True)


def claimed_anew() -> Written:
    """Released by Anna, claimed by Ben under another token."""
    written = claimed().call(Release(TICK, 5), answer=True)
    return written.call(ClaimRun(BEN, TICK), Granted(TICK, 6))


def test_a_history_of_one_after_the_other_fits() -> None:
    written = started().call(Complete(TICK, 5, Outcome.SUCCEEDED), "done")
    assert not written.call(Look(), Looked(STEP_MS, 0)).is_found


def test_two_winners_of_one_tick_are_found() -> None:
    assert claimed().call(ClaimTick(BEN, 0), Granted(TICK, 6)).is_found


def test_two_winners_of_one_tick_at_one_time_are_found() -> None:
    rivals = Written().call(ClaimTick(ANNA, 0), Granted(TICK, 5), 0, 9)
    assert rivals.call(ClaimTick(BEN, 0), Granted(TICK, 6), 1, 8).is_found


def test_two_losers_of_one_tick_are_found() -> None:
    rivals = Written().call(ClaimTick(ANNA, 0), "lost", 0, 9)
    assert rivals.call(ClaimTick(BEN, 0), "lost", 1, 8).is_found


def test_the_later_of_two_rivals_may_win_while_both_were_asked() -> None:
    rivals = Written().call(ClaimTick(ANNA, 0), "lost", 0, 9)
    assert not rivals.call(ClaimTick(BEN, 0), Granted(TICK, 6), 8, 10).is_found


def test_a_loser_that_was_answered_before_the_winner_asked_is_found() -> None:
    assert (
        Written()
        .call(ClaimTick(ANNA, 0), "lost")
        .call(ClaimTick(BEN, 0), Granted(TICK, 6))
        .is_found
    )


def test_an_answer_out_of_order_is_found() -> None:
    assert claimed().call(Look(), Looked(0, 0)).is_found


def test_an_old_answer_may_come_while_the_claim_is_under_way() -> None:
    written = Written().call(ClaimTick(ANNA, 0), Granted(TICK, 5), 0, 9)
    assert not written.call(Look(), Looked(0, 0), 1, 2).is_found


def test_two_reads_that_turn_back_time_are_found() -> None:
    written = Written().call(ClaimTick(ANNA, 0), Granted(TICK, 5), 0, 9)
    assert written.call(Look(), Looked(STEP_MS, 1), 1, 2).call(Look(), Looked(0, 0), 3, 4).is_found


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (StartRun(ANNA, TICK, 5, ID), True),
        (Complete(TICK, 5, Outcome.SUCCEEDED), "done"),
        (Release(TICK, 5), True),
    ],
)
def test_a_stale_token_that_is_taken_is_found(call: Call, answer: Answer) -> None:
    assert claimed_anew().call(call, answer).is_found


def test_a_token_that_falls_is_found() -> None:
    written = claimed().call(Release(TICK, 5), answer=True)
    assert written.call(ClaimRun(BEN, TICK), Granted(TICK, 5)).is_found


def test_a_second_start_under_another_id_is_found() -> None:
    assert started().call(StartRun(ANNA, TICK, 5, OTHER_ID), answer=True).is_found
    assert not started().call(StartRun(ANNA, TICK, 5, ID), answer=True).is_found


def test_a_start_by_another_session_is_found() -> None:
    assert claimed().call(StartRun(BEN, TICK, 5, ID), answer=True).is_found


def test_a_claim_above_the_limit_is_found() -> None:
    tick = RunId("raced", STEP_MS)
    assert claimed().call(ClaimTick(BEN, STEP_MS), Granted(tick, 6)).is_found
    assert not claimed().call(ClaimTick(BEN, STEP_MS), "skipped").is_found


def test_room_that_is_not_made_is_found() -> None:
    written = started().call(Complete(TICK, 5, Outcome.SUCCEEDED), "done")
    assert written.call(Look(), Looked(STEP_MS, 1)).is_found


def test_a_waiting_run_that_is_not_promoted_is_found() -> None:
    written = started().call(Trigger("key"), Triggered(BY_HAND, RunState.WAITING))
    written.call(Complete(TICK, 5, Outcome.SUCCEEDED), "done")
    assert written.call(ClaimRun(BEN, BY_HAND), "lost").is_found


def test_a_tick_that_waits_in_no_ones_place_is_found() -> None:
    later = (RunId("raced", STEP_MS), RunId("raced", 2 * STEP_MS))
    written = started()
    for tick in later:
        written.call(ClaimTick(BEN, tick.fire_time, IfActive.WAIT), "waiting")
    written.call(Complete(TICK, 5, Outcome.SUCCEEDED), "done")
    assert written.call(ClaimRun(BEN, later[0]), Granted(later[0], 6)).is_found


def test_a_tick_that_overtakes_one_that_waits_is_found() -> None:
    later = (RunId("raced", STEP_MS), RunId("raced", 2 * STEP_MS))
    written = started()
    for tick in later:
        written.call(ClaimTick(BEN, tick.fire_time, IfActive.WAIT_ALL), "waiting")
    written.call(Complete(TICK, 5, Outcome.SUCCEEDED), "done")
    assert written.call(ClaimRun(BEN, later[1]), Granted(later[1], 6)).is_found


def test_a_start_of_a_cancelled_claim_is_found() -> None:
    for answer in (True, False):
        written = claimed().call(Cancel("key", TICK), "done")
        assert written.call(StartRun(ANNA, TICK, 5, ID), answer=answer).is_found is answer


def test_a_started_run_that_is_cancelled_without_its_holder_is_found() -> None:
    assert started().call(Cancel("key", TICK), "done").is_found
    assert not started().call(Cancel("key", TICK), "asked").is_found


def test_a_cancel_that_makes_no_room_is_found() -> None:
    written = claimed().call(Cancel("key", TICK), "done")
    assert written.call(Look(), Looked(STEP_MS, 1)).is_found


def test_a_key_that_makes_two_runs_is_found() -> None:
    written = Written().call(Trigger("key"), Triggered(BY_HAND, RunState.PENDING))
    second = Triggered(BY_HAND._replace(number=2), RunState.WAITING)
    assert written.call(Trigger("key"), second).is_found


def test_a_call_without_an_answer_may_have_been_carried_out_or_not() -> None:
    for answer in (Looked(0, 0), Looked(STEP_MS, 1)):
        assert not Written().unknown(ClaimTick(ANNA, 0)).call(Look(), answer).is_found


def test_a_call_without_an_answer_may_be_carried_out_late() -> None:
    written = Written().unknown(ClaimTick(ANNA, 0)).call(Look(), Looked(0, 0))
    assert not written.call(Look(), Looked(STEP_MS, 1)).is_found


def test_a_call_without_an_answer_is_carried_out_once() -> None:
    written = Written().unknown(ClaimTick(ANNA, 0)).call(Look(), Looked(STEP_MS, 1))
    assert written.call(Look(), Looked(0, 0)).is_found


def test_what_is_held_tells_the_token_that_no_answer_told() -> None:
    held = frozenset({(TICK, 5, RunState.CLAIMED)})
    written = Written().unknown(ClaimTick(ANNA, 0)).call(Held(ANNA), held)
    assert not written.call(StartRun(ANNA, TICK, 5, ID), answer=True).is_found
    assert written.call(StartRun(ANNA, TICK, 6, ID), answer=True).is_found


def test_a_search_that_is_given_up_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "MOST_PLACES", 3)
    with pytest.raises(UndecidedError):
        violation(started().call(Look(), Looked(STEP_MS, 1)).told, START)


@pytest.mark.parametrize(("active", "is_found"), [(1, False), (0, True)])
def test_a_tick_that_counts_no_more_before_its_last_shard_has_ended_is_found(
    active: int, is_found: bool
) -> None:
    shard = TICK.of_shards(2)[0]
    history = (
        Written()
        .call(ClaimTick(ANNA, 0), Granted(shard, 5))
        .call(StartRun(ANNA, shard, 5, ID), True)
        .call(Complete(shard, 5, Outcome.SUCCEEDED), "done")
        .call(Look(), Looked(STEP_MS, active))
    )
    found = violation(history.told, replace(START, shards=2))
    assert (found is not None) is is_found


def test_a_tick_of_which_one_shard_is_to_be_cancelled_is_replaced_all_the_same() -> None:
    first, second = TICK.of_shards(2)
    history = (
        Written()
        .call(ClaimTick(ANNA, 0), Granted(first, 5))
        .call(ClaimRun(ANNA, second), Granted(second, 6))
        .call(StartRun(ANNA, second, 6, ID), answer=True)
        .call(Cancel("key", second), "asked")
        .call(ClaimTick(BEN, STEP_MS, IfActive.REPLACE), "waiting")
        .call(StartRun(ANNA, first, 5, ID), answer=False)
    )
    assert violation(history.told, replace(START, shards=2)) is None


# --- claims that pass over what another has in hand

AT_THE_SAME_TIME = {"invoked": 2.2, "returned": 2.4}
PENDING = ClaimRun(BEN, TICK)


def pending() -> Written:
    return claimed().call(Release(TICK, 5), answer=True)


@pytest.mark.parametrize(
    ("claim", "other", "answer"),
    [
        (ClaimTick(BEN, STEP_MS), Trigger("key"), Triggered(BY_HAND, RunState.WAITING)),
        (ClaimTick(BEN, STEP_MS), Complete(TICK, 4, Outcome.FAILED), "refused"),
        (ClaimTick(BEN, STEP_MS, IfActive.REPLACE), StartRun(BEN, TICK, 4, ID), False),
        (PENDING, Complete(TICK, 4, Outcome.FAILED), "refused"),
        (PENDING, ClaimTick(ANNA, 0, IfActive.REPLACE), "lost"),
    ],
)
def test_a_loser_may_have_found_the_job_or_run_in_anothers_hands(
    claim: Call, other: Call, answer: Answer
) -> None:
    written = pending().call(claim, "lost", invoked=2, returned=2.3)
    assert written.is_found_of_one_that_passes_over
    assert not written.call(other, answer, **AT_THE_SAME_TIME).is_found_of_one_that_passes_over
    assert written.is_found


@pytest.mark.parametrize(
    ("claim", "other", "answer"),
    [
        (ClaimTick(BEN, STEP_MS), Look(), Looked(STEP_MS, 1)),
        (ClaimTick(BEN, STEP_MS), Held(ANNA), frozenset[tuple[RunId, int, RunState]]()),
        (ClaimTick(BEN, STEP_MS), StartRun(BEN, TICK, 4, ID), False),
        (PENDING, ClaimTick(ANNA, 0), "lost"),
        (PENDING, Trigger("key"), Triggered(BY_HAND, RunState.WAITING)),
        (PENDING, Complete(BY_HAND, 4, Outcome.FAILED), "refused"),
    ],
)
def test_a_loser_whom_only_calls_about_other_things_met_is_found(
    claim: Call, other: Call, answer: Answer
) -> None:
    written = pending().call(claim, "lost", invoked=2, returned=2.3)
    assert written.call(other, answer, **AT_THE_SAME_TIME).is_found_of_one_that_passes_over


def test_a_loser_that_asked_when_the_other_was_answered_is_found() -> None:
    written = pending().call(Complete(TICK, 4, Outcome.FAILED), "refused")
    assert written.call(PENDING, "lost").is_found_of_one_that_passes_over


def test_a_call_that_was_given_up_has_nothing_in_hand_when_the_store_is_through_with_it() -> None:
    given_up = Told("anybody", Complete(TICK, 4, Outcome.FAILED), None, 2, math.inf)
    for ended, is_found in ((None, False), (2.5, True), (3.5, False)):
        told = [*pending().told, replace(given_up, ended=ended)]
        written = Written(told).call(PENDING, "lost", invoked=3, returned=4)
        assert written.is_found_of_one_that_passes_over is is_found


def test_no_grant_and_no_other_refusal_is_excused() -> None:
    for call, answer in ((PENDING, Granted(TICK, 5)), (StartRun(ANNA, TICK, 5, ID), True)):
        written = pending().call(call, answer, invoked=2, returned=2.3)
        written.call(Complete(TICK, 4, Outcome.FAILED), "refused", **AT_THE_SAME_TIME)
        assert written.is_found_of_one_that_passes_over
