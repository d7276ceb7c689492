"""The tests can fail: faults that are planted in the product are found.

All of them are hunted by `python3 dev.py mutants`; here those that few seeds find.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.faults import FAMILIES
from tests.mutants.faults.equivalent import EQUIVALENT
from tests.mutants.hunting import Kill, hunted, shown
from tests.mutants.mutant import Mutant, Piece, Scenario, Seeds, Suite
from tests.mutants.planting import ROOT, planted, text_of

MUTANTS = [mutant for mutants in FAMILIES.values() for mutant in mutants]
SOON = (
    "a claim leaves the watermark where it was",
    "a claim does not look whether its tick is due",
    "a completion needs no token",
    "an abandoned run runs again when it is lost",
    "a run that has ended makes no room",
    "a token follows the clock alone",
    "late ticks leave no gap",
)
NOWHERE = Piece("policy.py", "no such text", "")
HARMLESS = Piece("policy.py", '"""What becomes of due ticks', '"""What comes of due ticks')


def test_every_mutant_changes_a_piece_that_is_there_once() -> None:
    for piece in (piece for each in (*MUTANTS, *EQUIVALENT) for piece in each.pieces):
        assert piece.bad != text_of(piece)


def test_every_mutant_has_a_name_of_its_own() -> None:
    names = [each.name for each in MUTANTS]
    assert len(set(names)) == len(names)


def test_every_hunter_is_there() -> None:
    asked = [each for mutant in MUTANTS for each in mutant.hunters if isinstance(each, Suite)]
    for path in {each.path.partition("::")[0] for each in asked}:
        assert (ROOT / path).is_file()


def test_every_model_that_is_named_shows_it() -> None:
    named = {each for mutant in MUTANTS for each in mutant.hunters if isinstance(each, Scenario)}
    assert {each.name for each in named} <= shown()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SOON)
def test_a_planted_fault_is_found(name: str) -> None:
    (mutant,) = (each for each in MUTANTS if each.name == name)
    (kill,) = hunted(Mutant(name, mutant.pieces, (Seeds(20),))).kills
    assert (kill.by, bool(kill.what)) == ("simulator", True)


@pytest.mark.timeout(300)
def test_a_test_finds_a_fault_and_says_which_it_was() -> None:
    piece = Piece("policy.py", "attempt >= retry.attempts", "attempt > retry.attempts")
    asked = Suite("tests/unit/test_policy.py", "tests of the policies", about="attempt or retry")
    (kill,) = hunted(Mutant("one more", (piece,), (asked,))).kills
    assert kill == Kill("tests of the policies", kill.what)
    assert kill.what.startswith("test_")


@pytest.mark.timeout(300)
def test_what_is_no_fault_is_not_found() -> None:
    asked = (Seeds(1), Suite("tests/unit/test_chance.py", "tests of chance", about="no such name"))
    assert hunted(Mutant("a word", (HARMLESS,), asked)).kills == []


def test_a_fault_is_planted_in_a_copy_that_is_gone_afterwards() -> None:
    with planted(HARMLESS) as source:
        copy = source / "cronfleet" / HARMLESS.file
        assert HARMLESS.bad in copy.read_text("utf-8")
        assert text_of(HARMLESS)
    assert not Path(source).exists()


def test_a_piece_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(LookupError), planted(NOWHERE):
        pass
