"""What the store's clock excuses while it is wrong, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.planted import HERE, effect, judged, lost
from tests.chaos.store_clock import Off, off

DUE = 100_000
TICK = f"quick-0@{DUE}"
AHEAD = off(90_000, 95_000, 8_000)
"""Right again by itself, but the store still waits for it when the tick begins."""


def test_a_start_is_early_by_as_much_as_the_clock_was_ahead_and_by_no_more(tmp_path: Path) -> None:
    begins = {at: [effect(TICK, "began", at)] for at in (DUE - 7_900, DUE - 8_200)}
    excused, found = (judged(tmp_path, each, store_was_off=[AHEAD]) for each in begins.values())
    assert (excused.found.get("early"), excused.by_the_stores_clock) == (None, 1)
    assert (found.found["early"], found.by_the_stores_clock) == (1, 0)


@pytest.mark.parametrize(
    "elsewhere",
    [off(10_000, 15_000, 8_000), off(97_000, 99_000, 8_000), off(90_000, 95_000, -8_000)],
    ids=["long before", "after it", "the other way"],
)
def test_outside_of_the_time_in_which_the_clock_was_wrong_nothing_is_excused(
    tmp_path: Path, elsewhere: Off
) -> None:
    began = [effect(TICK, "began", DUE - 5_000)]
    judgement = judged(tmp_path, began, store_was_off=[elsewhere])
    assert judgement.found["early"] == 1


def test_a_run_lost_on_record_before_it_was_is_no_reason_to_call_its_effect_late(
    tmp_path: Path,
) -> None:
    effects = [effect(TICK, "began", DUE), effect(TICK, "did", DUE + 4_000)]
    on_record = [lost(TICK, DUE + 1_000)]
    behind = off(DUE + 500, DUE + 5_000, -8_000)
    excused = judged(tmp_path, effects, on_record=on_record, store_was_off=[behind])
    assert (excused.found.get("stale"), excused.by_the_stores_clock) == (None, 1)
    for wrong in ([], [off(DUE + 500, DUE + 5_000, 8_000)], [off(DUE - 9_000, DUE, -8_000)]):
        judgement = judged(tmp_path, effects, on_record=on_record, store_was_off=wrong)
        assert judgement.found["stale"] == 1


def test_what_needs_no_clock_but_the_effects_is_found_while_the_stores_is_wrong(
    tmp_path: Path,
) -> None:
    wrong = [off(DUE - 9_000, DUE + 9_000, -8_000), off(DUE - 9_000, DUE + 9_000, 8_000)]
    later = effect(TICK, "began", DUE + 4_000, "here:2", attempt=2)
    effects = [effect(TICK, "began", DUE), later, effect(TICK, "did", DUE + 4_500, HERE)]
    assert judged(tmp_path, effects, store_was_off=wrong).found["stale"] == 1
