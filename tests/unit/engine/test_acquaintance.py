"""The store that an instance knows, an old copy of it, and another one."""

from __future__ import annotations

import pytest

from cronfleet.engine.acquaintance import (
    MOST_LOST_MS,
    Acquaintance,
    Recognised,
    Reset,
    Same,
    Successor,
)
from cronfleet.store import StoreInfo

HOUR_MS = 3_600_000


def info(
    id_: str = "ours", epoch: int = 5, lived_ms: int = HOUR_MS, *, adopted: bool = False
) -> StoreInfo:
    return StoreInfo(id_, epoch, 0, 1, adopted, lived_ms)


def met(*infos: StoreInfo) -> Recognised:
    """What the last of these is recognised as."""
    acquaintance = Acquaintance()
    seen = [acquaintance.meet(each, at, at) for at, each in enumerate(infos)]
    return seen[-1]


@pytest.mark.parametrize(
    "now",
    [info(), info(lived_ms=HOUR_MS + 1), info(epoch=6), info(epoch=9, lived_ms=2 * HOUR_MS)],
)
def test_a_store_that_lives_on_is_the_same(now: StoreInfo) -> None:
    assert met(info()) == Same()
    assert met(info(), now) == Same()


@pytest.mark.parametrize("lost_ms", [1, MOST_LOST_MS])
def test_a_failover_that_lost_a_little_is_the_same_store(lost_ms: int) -> None:
    assert met(info(), info(epoch=6, lived_ms=HOUR_MS - lost_ms)) == Same(lost_ms)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (info("theirs"), "id ours is now theirs"),
        (info(epoch=4, lived_ms=2 * HOUR_MS), "epoch 5 is now 4"),
        (info(lived_ms=HOUR_MS - 1), "it went back by 0.0 s, in epoch 5"),
        (info(epoch=6, lived_ms=HOUR_MS - MOST_LOST_MS - 1), "it went back by 60.0 s, in epoch 6"),
        (info(epoch=6, lived_ms=0), "it went back by 3600.0 s, in epoch 6"),
    ],
)
def test_a_store_that_went_back_or_is_another_is_a_reset(now: StoreInfo, said: str) -> None:
    assert met(info(), now) == Reset(now, said)


def test_a_store_that_went_back_stays_so_however_long_it_lives_on() -> None:
    old, later = info(lived_ms=1), info(lived_ms=2 * HOUR_MS)
    assert met(info(), old, later) == Reset(later, "it went back before")


def test_the_right_store_in_its_place_again_is_the_same() -> None:
    assert met(info(), info("theirs"), info()) == Same()


def test_an_adopted_store_under_another_id_is_gone_on_with() -> None:
    new = info("new", epoch=1, lived_ms=0, adopted=True)
    assert met(info(), new) == Successor(new)
    assert met(info(), info("theirs"), new) == Successor(new)
    assert met(info(), info(lived_ms=1), new) == Successor(new)


def test_it_is_known_like_any_other_from_then_on() -> None:
    new = info("new", epoch=1, lived_ms=9, adopted=True)
    assert met(info(), new, new) == Same()
    assert met(info(), new, info("new", epoch=1, lived_ms=8, adopted=True)) == Reset(
        info("new", epoch=1, lived_ms=8, adopted=True), "it went back by 0.0 s, in epoch 1"
    )


def test_that_a_store_was_adopted_once_does_not_excuse_an_old_copy_of_it() -> None:
    known = info(adopted=True)
    assert isinstance(met(known, info(lived_ms=1, adopted=True)), Reset)


def test_an_answer_that_was_overtaken_tells_nothing() -> None:
    acquaintance = Acquaintance()
    acquaintance.meet(info(), 10, 12)
    assert acquaintance.meet(info(lived_ms=1), 11, 13) == Same()
    assert acquaintance.known == info()


def test_renewals_that_it_forgot_count_though_it_lives_on() -> None:
    """It was renewed again at once, which counts for the span that was lost."""
    acquaintance = Acquaintance()
    acquaintance.meet(info(), 0, 0)
    assert acquaintance.meet(info(epoch=6), 1, 1, forgot_ms=3_333) == Same(3_333)
    assert acquaintance.meet(info(epoch=6), 2, 2, forgot_ms=3_333) == Reset(
        info(epoch=6), "it went back by 3.3 s, in epoch 6"
    )
