"""Stores that take steps side by side: a claim passes over what another call has in hand.

It is answered `lost` then, as if the other had been first, though that may come to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cronfleet.store import IfActive
from tests.stores.linearizability.checker import Told
from tests.stores.linearizability.model import (
    Call,
    Cancel,
    ClaimRun,
    ClaimTick,
    Complete,
    Release,
    StartRun,
    Trigger,
)


def with_passed_over(history: Sequence[Told]) -> list[Told]:
    """The same, with those marked that may have found in another's hands what they wanted."""
    return [replace(each, may_pass=_may_pass(each, history)) for each in history]


def _may_pass(told: Told, history: Sequence[Told]) -> bool:
    """Only a claim that was answered so, while another call had the same job or run in hand."""
    return told.answer == "lost" and any(
        _has_in_hand(other.call, told.call)
        for other in history
        if other is not told and other.invoked < told.returned and told.invoked < other.over
    )


def _has_in_hand(other: Call, claim: Call) -> bool:
    match claim, other:
        case ClaimTick(), ClaimTick() | Complete() | Release() | Trigger() | Cancel():
            return True  # They have the job in hand.
        case ClaimTick(if_active=IfActive.REPLACE), StartRun() | ClaimRun():
            return True  # It may be the run that is to make way.
        case ClaimRun(), ClaimTick(if_active=IfActive.REPLACE):
            return True
        case ClaimRun(), StartRun() | ClaimRun() | Complete() | Release() | Cancel():
            return other.run.whole == claim.run.whole
        case _:
            return False
