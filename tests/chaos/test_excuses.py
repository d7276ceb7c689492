"""Which late effects a stall excuses. The TTL is 3 s; what is late comes at 113 s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chaos.planted import HERE, THERE, effect, judged, lost
from tests.chaos.stalls import CUT, STILL

GONE, LATE = 113_000, 113_500
ABANDONED, REPEATED = "slow-0@110000", "again-0@110000"


def of_one_that_goes_on() -> dict[str, Any]:
    """Its run is known as lost, and it has its effect."""
    effects = [effect(ABANDONED, "began", 110_000), effect(ABANDONED, "did", LATE)]
    return {"effects": effects, "on_record": [lost(ABANDONED, GONE)]}


def of_one_that_must_have_stopped() -> dict[str, Any]:
    """Another has begun its run again, and it has its effect."""
    again = effect(REPEATED, "began", GONE, THERE, attempt=2)
    first, late = effect(REPEATED, "began", 110_000), effect(REPEATED, "did", LATE)
    return {"effects": [first, again, late]}


def is_excused(folder: Path, planted: dict[str, Any], *stalls: tuple[int, int, str]) -> bool:
    told = [(HERE, *stall) for stall in stalls]
    judgement = judged(folder, stalls=told, **planted)
    assert judgement.late_effects + judgement.found.get("stale", 0) == 1
    return judgement.late_effects == 1


@pytest.mark.parametrize("kind", [CUT, STILL])
def test_who_could_not_renew_for_a_ttl_may_be_late_with_what_is_not_run_again(
    tmp_path: Path, kind: str
) -> None:
    assert is_excused(tmp_path, of_one_that_goes_on(), (109_900, 112_900, kind))


def test_who_was_cut_off_and_did_not_stand_still_has_stopped_what_is_run_again(
    tmp_path: Path,
) -> None:
    """Its own clock says when the session ends, and for that it needs no store."""
    late = of_one_that_must_have_stopped()
    assert not is_excused(tmp_path, late, (109_900, 113_400, CUT))
    assert is_excused(tmp_path, late, (109_900, 113_400, STILL))


@pytest.mark.parametrize(
    "stalls",
    [
        [(109_900, 112_000, CUT), (112_600, 113_400, STILL)],
        [(109_900, 112_000, STILL), (112_600, 113_400, STILL)],
    ],
    ids=["cut off, then still", "still, and again"],
)
def test_what_is_run_again_is_late_if_its_instance_stood_still_over_the_loss(
    tmp_path: Path, stalls: list[tuple[int, int, str]]
) -> None:
    late = of_one_that_must_have_stopped()
    assert is_excused(tmp_path, late, *stalls)
    long_awake = [stalls[0], (112_600, 113_100, STILL)]
    assert not is_excused(tmp_path, late, *long_awake)


@pytest.mark.parametrize(
    ("since", "until"),
    [(110_000, 110_600), (112_000, 115_000), (100_000, 106_500)],
    ids=["too short to cost a session", "struck too late for it", "over for too long"],
)
def test_a_stall_that_cannot_have_cost_the_session_then_excuses_nothing(
    tmp_path: Path, since: int, until: int
) -> None:
    assert not is_excused(tmp_path, of_one_that_goes_on(), (since, until, CUT))


def test_short_stalls_are_one_where_there_was_no_time_to_renew_between_them(
    tmp_path: Path,
) -> None:
    late = of_one_that_goes_on()
    assert is_excused(tmp_path, late, (110_000, 110_600, STILL), (111_200, 111_800, STILL))
    assert not is_excused(tmp_path, late, (108_000, 108_600, STILL), (111_000, 111_600, STILL))


def test_a_stall_of_another_instance_excuses_nothing(tmp_path: Path) -> None:
    late = of_one_that_goes_on()
    judgement = judged(tmp_path, stalls=[(THERE, 109_900, 112_900, STILL)], **late)
    assert judgement.found["stale"] == 1
