"""The simulator can fail: faults that are planted in the product are found."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Generator
from importlib import import_module

import pytest

from cronfleet.stores.steps import claims, runs
from tests.simulation.hunting import killed
from tests.simulation.mutants import MUTANTS
from tests.simulation.planting import mutant, planted

SOON = (
    "a claim leaves the watermark where it was",
    "a claim does not look whether its tick is due",
    "a completion needs no token",
    "an abandoned run runs again when it is lost",
    "a run that has ended makes no room",
    "a token follows the clock alone",
    "late ticks leave no gap",
    "nobody asks what an unanswered claim has granted",
)
"""Those that few seeds find; `dev.py simulate --mutants` hunts all of them."""


NOWHERE = mutant("of nothing", "cronfleet.policy", "no such text", "")


@pytest.fixture(autouse=True)
def quiet() -> Generator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_every_mutant_changes_a_piece_that_is_there_once() -> None:
    for piece in (piece for each in MUTANTS for piece in each.pieces):
        text = inspect.getsource(import_module(piece.module))
        assert text.count(piece.good) == 1, piece
        assert piece.good != piece.bad


def test_every_mutant_has_a_name_of_its_own() -> None:
    names = [each.name for each in MUTANTS]
    assert len(set(names)) == len(names)
    assert set(SOON) <= set(names)


@pytest.mark.parametrize("name", SOON)
def test_a_planted_fault_is_found(name: str) -> None:
    (fault,) = (each for each in MUTANTS if each.name == name)
    assert killed(fault, range(20)) is not None


def test_what_was_planted_is_gone_afterwards() -> None:
    before = claims.claim.__code__, runs.complete.__code__
    for each in MUTANTS:
        with planted(each):
            pass
    assert (claims.claim.__code__, runs.complete.__code__) == before


def test_a_piece_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(LookupError), planted(NOWHERE):
        pass
