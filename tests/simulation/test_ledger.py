"""A campaign that is cut off goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.simulation.ledger import Ledger
from tests.simulation.verdict import Struck, Verdict, Violation


def verdict(seed: int, violation: Violation | None = None) -> Verdict:
    struck = Struck({("kill", "at rest"): 2, ("kill", "in call"): 1})
    return Verdict(seed, violation, f"history {seed}", 90_000, 10, 3, 4, struck, ())


def test_whoever_opens_a_ledger_again_finds_all_that_is_in_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for seed in (7, 5, 6, 9):
        ledger.add(verdict(seed, Violation("tokens_grow", "5 after 6", 17) if seed == 9 else None))
    again = Ledger(tmp_path / "ledger.jsonl")
    assert again.verdicts == ledger.verdicts
    assert again.figures() == ledger.figures()
    assert again.figures()["ranges"] == ["5:8", "9:10"]
    assert again.figures()["failed"] == 1
    assert again.figures()["struck"] == {"kill": {"at rest": 8, "in call": 4}}


def test_a_seed_in_which_nothing_but_hints_was_lost_does_not_count(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.add(replace(verdict(1), struck=Struck({("hint lost", "due"): 3})))
    assert (ledger.figures()["seeds"], ledger.figures()["seeds_without_a_fault"]) == (0, 1)


def test_the_digest_of_a_ledger_does_not_know_the_order_of_its_lines(tmp_path: Path) -> None:
    there, back = Ledger(tmp_path / "there.jsonl"), Ledger(tmp_path / "back.jsonl")
    for seed in range(5):
        there.add(verdict(seed))
        back.add(verdict(4 - seed))
    assert there.digest() == back.digest()
