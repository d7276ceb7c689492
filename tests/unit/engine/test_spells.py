"""How long something is so on end, and how often somebody is told."""

from __future__ import annotations

from cronfleet.engine.spells import LONGEST_APART_MS, QUIET_MS, Alarm, Spell

SECOND_MS = 1_000


def test_a_spell_lasts_from_the_first_look_that_found_it_so() -> None:
    spell = Spell()
    assert spell.lasts_ms(70, is_so=False) == 0
    assert spell.lasts_ms(100, is_so=True) == 0
    assert spell.lasts_ms(130, is_so=True) == 30
    assert spell.lasts_ms(140, is_so=False) == 0
    assert spell.lasts_ms(150, is_so=True) == 0


def test_a_spell_begins_anew_after_a_time_in_which_nobody_looked() -> None:
    spell = Spell()
    spell.lasts_ms(100, is_so=True)
    assert spell.lasts_ms(100 + LONGEST_APART_MS, is_so=True) == LONGEST_APART_MS
    assert spell.lasts_ms(101 + 2 * LONGEST_APART_MS, is_so=True) == 0


def is_well(alarm: Alarm, since: int, until: int) -> None:
    """Looked at each second, both ends included."""
    for now in range(since, until + 1, SECOND_MS):
        assert not alarm.rings(now, is_bad=False)


def test_an_alarm_rings_once_for_a_row_of_bad_times() -> None:
    alarm = Alarm()
    assert alarm.rings(0, is_bad=True)
    assert not alarm.rings(SECOND_MS, is_bad=True)
    is_well(alarm, 2 * SECOND_MS, 60 * SECOND_MS)
    assert not alarm.rings(61 * SECOND_MS, is_bad=True)
    is_well(alarm, 62 * SECOND_MS, 61 * SECOND_MS + QUIET_MS)
    assert alarm.is_on
    is_well(alarm, 62 * SECOND_MS + QUIET_MS, 62 * SECOND_MS + QUIET_MS)
    assert not alarm.is_on
    assert alarm.rings(63 * SECOND_MS + QUIET_MS, is_bad=True)


def test_a_time_in_which_nobody_looked_is_no_good_time() -> None:
    alarm = Alarm()
    assert alarm.rings(0, is_bad=True)
    is_well(alarm, SECOND_MS, SECOND_MS)
    is_well(alarm, QUIET_MS, 2 * QUIET_MS - SECOND_MS)
    assert alarm.is_on
    is_well(alarm, 2 * QUIET_MS, 2 * QUIET_MS)
    assert not alarm.is_on


def test_an_alarm_that_never_rang_is_not_on() -> None:
    alarm = Alarm()
    is_well(alarm, 0, 9 * SECOND_MS)
    assert not alarm.is_on
