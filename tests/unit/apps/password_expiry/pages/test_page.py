from __future__ import annotations

import pytest

from cronfleet.apps.password_expiry.outbox.states import NoticeState
from cronfleet.apps.password_expiry.pages.page import PasswordExpiryPage

EACH = {
    NoticeState.PENDING: 1,
    NoticeState.LEASED: 2,
    NoticeState.HANDOFF: 4,
    NoticeState.SENT: 8,
    NoticeState.DEAD: 16,
    NoticeState.UNCERTAIN: 32,
    NoticeState.CANCELLED: 64,
}


def page(counts: dict[NoticeState, int]) -> PasswordExpiryPage:
    by_name = {state.value: count for state, count in counts.items()}
    return PasswordExpiryPage(
        "users", "mailbox", is_dry=False, counts=by_name, notices=[], mails=[]
    )


def test_every_notice_that_is_due_is_told_of_once() -> None:
    shown = page(EACH)
    assert (shown.mailed, shown.on_their_way, shown.refused, shown.parked) == (8, 7, 16, 32)
    assert shown.found == shown.mailed + shown.on_their_way + shown.refused + shown.parked


@pytest.mark.parametrize("name", ["found", "mailed", "on_their_way", "refused", "parked"])
def test_without_notices_there_is_nothing(name: str) -> None:
    assert getattr(page({}), name) == 0
