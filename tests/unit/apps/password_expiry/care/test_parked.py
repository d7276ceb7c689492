"""What a person decides about notices that are parked, and about those of one who is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cronfleet.apps.password_expiry.care.parked import HARD_LIFETIME, Parked
from cronfleet.apps.password_expiry.outbox.states import (
    DECISIONS,
    TRANSITIONS,
    Decision,
    NoticeState,
)
from cronfleet.apps.password_expiry.outbox.values import Lease
from cronfleet.apps.password_expiry.users.policy import NoticeKey
from cronfleet.errors import UndecidedNoticeError, UnknownNoticeError
from tests.apps.outboxes import ANNA, BEN, OneByOne, let_pass, put_in, state_of

_S = NoticeState


@pytest.fixture
def parked(outbox: OneByOne) -> Parked:
    return Parked(outbox.database)


def park(outbox: OneByOne, key: NoticeKey = ANNA) -> Lease:
    outbox.add([key])
    lease = outbox.lease(1)
    assert lease
    outbox.hand_off(lease, "smtp")
    outbox.settle(lease, _S.UNCERTAIN, "no answer")
    return lease


@pytest.mark.parametrize("decision", Decision)
def test_who_decided_and_why_is_the_reason(
    outbox: OneByOne, parked: Parked, decision: Decision
) -> None:
    lease = park(outbox)
    let_pass(outbox, HARD_LIFETIME)
    notice = parked.decide(lease.id, decision, "anna", "the log says so")
    assert notice.state is DECISIONS[decision]
    assert notice.reason.endswith("anna: the log says so")
    assert parked.find(lease.id) == notice


def test_every_decision_is_a_transition_that_there_is() -> None:
    assert set(DECISIONS) == set(Decision)
    assert TRANSITIONS[_S.UNCERTAIN].issuperset(DECISIONS.values())


def test_it_is_not_sent_again_while_its_sender_may_be_at_it(
    outbox: OneByOne, parked: Parked
) -> None:
    lease = park(outbox)
    let_pass(outbox, HARD_LIFETIME - timedelta(seconds=30))
    with pytest.raises(UndecidedNoticeError, match="may still be at it until"):
        parked.decide(lease.id, Decision.RESEND, "anna", "")
    assert state_of(outbox, ANNA) is _S.UNCERTAIN
    let_pass(outbox, timedelta(seconds=31))
    assert parked.decide(lease.id, Decision.RESEND, "anna", "").state is _S.PENDING
    assert outbox.lease(2)


def test_an_answer_that_comes_after_the_decision_changes_nothing(
    outbox: OneByOne, parked: Parked
) -> None:
    lease = park(outbox)
    parked.decide(lease.id, Decision.DROP, "anna", "")
    assert not outbox.settle(lease, _S.SENT)
    assert state_of(outbox, ANNA) is _S.DEAD


@pytest.mark.parametrize("state", set(NoticeState) - {_S.UNCERTAIN})
def test_only_what_is_parked_is_decided_about(
    outbox: OneByOne, parked: Parked, state: NoticeState
) -> None:
    lease = park(outbox)
    put_in(outbox, ANNA, state)
    with pytest.raises(UndecidedNoticeError, match=f"it is {state}"):
        parked.decide(lease.id, Decision.DROP, "anna", "")


def test_a_dead_notice_is_sent_again_once_a_person_says_so(
    outbox: OneByOne, parked: Parked
) -> None:
    lease = park(outbox)
    outbox.settle(lease, _S.DEAD, "554 5.7.1 your IP is blocked")
    assert parked.decide(lease.id, Decision.RESEND, "anna", "").state is _S.PENDING
    assert outbox.lease(2)


def test_a_notice_that_was_dropped_without_an_answer_is_not_sent_again_at_once(
    outbox: OneByOne, parked: Parked
) -> None:
    lease = park(outbox)
    parked.decide(lease.id, Decision.DROP, "anna", "")
    with pytest.raises(UndecidedNoticeError, match="may still be at it until"):
        parked.decide(lease.id, Decision.RESEND, "anna", "")
    let_pass(outbox, HARD_LIFETIME)
    assert parked.decide(lease.id, Decision.RESEND, "anna", "").state is _S.PENDING


@pytest.mark.parametrize("state", set(NoticeState) - {_S.UNCERTAIN, _S.DEAD})
def test_what_is_neither_parked_nor_dead_is_not_sent_again(
    outbox: OneByOne, parked: Parked, state: NoticeState
) -> None:
    lease = park(outbox)
    put_in(outbox, ANNA, state)
    with pytest.raises(UndecidedNoticeError, match=f"it is {state}"):
        parked.decide(lease.id, Decision.RESEND, "anna", "")


def test_nothing_is_sent_again_to_who_is_forgotten(outbox: OneByOne, parked: Parked) -> None:
    lease = park(outbox)
    parked.forget(ANNA.user)
    with pytest.raises(UndecidedNoticeError, match="forgotten"):
        parked.decide(lease.id, Decision.RESEND, "anna", "")


def test_what_is_not_there_is_said(parked: Parked) -> None:
    with pytest.raises(UnknownNoticeError, match="no notice 'x'"):
        parked.decide("x", Decision.DROP, "anna", "")


# --- Forgetting


@pytest.mark.parametrize("state", set(NoticeState) - {_S.LEASED, _S.HANDOFF})
def test_nothing_tells_of_who_is_forgotten_and_no_mail_is_made_twice(
    outbox: OneByOne, parked: Parked, state: NoticeState
) -> None:
    lease = park(outbox)
    outbox.add([BEN])
    put_in(outbox, ANNA, state)
    assert parked.forget(ANNA.user).forgotten == 1
    notice = parked.find(lease.id)
    assert notice
    assert notice.state is (_S.SENT if state is _S.SENT else _S.DEAD)
    assert ANNA.user not in repr(notice)
    assert ANNA.stored_date not in repr(notice)
    assert notice.reason == ""
    assert (outbox.add([ANNA]).made, state_of(outbox, BEN)) == (0, _S.PENDING)
    assert outbox.reopen_for_people() == 0


@pytest.mark.parametrize(("state", "is_told"), [(_S.SENT, 0), (_S.DEAD, 0), (_S.PENDING, 1)])
def test_what_had_ended_before_it_was_forgotten_is_no_news(
    outbox: OneByOne, parked: Parked, state: NoticeState, is_told: int
) -> None:
    park(outbox)
    put_in(outbox, ANNA, state)
    let_pass(outbox, timedelta(days=3))
    parked.forget(ANNA.user)
    last_day = (notice.changed_at for notice in outbox.recent(9))
    assert sum(datetime.now(UTC) - each < timedelta(days=1) for each in last_day) == is_told


@pytest.mark.parametrize("state", [_S.LEASED, _S.HANDOFF])
def test_what_is_being_sent_is_told(outbox: OneByOne, parked: Parked, state: NoticeState) -> None:
    park(outbox)
    put_in(outbox, ANNA, state)
    done = parked.forget(ANNA.user)
    assert (done.forgotten, done.under_way) == (0, 1)
    assert state_of(outbox, ANNA) is state


def test_many_notices_of_one_person_are_forgotten(outbox: OneByOne, parked: Parked) -> None:
    outbox.add([NoticeKey("anna", f"2026-0{month}-01T00:00:00+00:00") for month in range(1, 6)])
    assert parked.forget("anna").forgotten == 5
    assert parked.forget("anna").forgotten == 0
