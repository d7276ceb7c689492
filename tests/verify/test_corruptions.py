"""The checker checked: every planted fault is told, by its name; where all is well, nothing is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cronfleet_verify.findings import RULES
from cronfleet_verify.report import as_text
from cronfleet_verify.selftest.__main__ import found, is_told, judged, main, written
from cronfleet_verify.selftest.corruptions import CORRUPTIONS
from cronfleet_verify.selftest.planting import Corruption
from cronfleet_verify.selftest.sample import Sample

EVENTS = int(os.environ.get("CRONFLEET_TEST_EVENTS", "60000"))
"""How many clean lines there are: a million takes a minute."""

JOBS = sorted({(each.job, each.days) for each in CORRUPTIONS})


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=[each.name for each in CORRUPTIONS])
def test_a_planted_fault_is_told_and_nothing_else(corruption: Corruption) -> None:
    assert found(corruption) == (corruption.rules or None)


def test_every_rule_has_a_fault_that_breaks_it() -> None:
    assert {rule for each in CORRUPTIONS for rule in each.rules} == set(RULES)
    assert len({each.name for each in CORRUPTIONS}) == len(CORRUPTIONS) >= 30


@pytest.mark.parametrize(("job", "days"), JOBS)
def test_what_is_spoiled_was_clean_before(job: str, days: int) -> None:
    assert Sample(job, days).verdict().is_clean


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
def test_where_all_is_well_nothing_is_told(seed: int, tmp_path: Path) -> None:
    count, paths = written(tmp_path, seed, EVENTS // 2)
    verdict = judged(paths)
    assert verdict.is_clean, as_text(verdict)
    assert verdict.unchecked == {}
    assert count >= EVENTS // 2
    looked_at = verdict.counts
    assert looked_at["runs whose policy is known"] == looked_at["runs"]
    assert min(looked_at.values()) > 0


@pytest.mark.timeout(600)
def test_the_self_test_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(1) == 0
    said = capsys.readouterr().out
    assert f"{len(CORRUPTIONS)} of {len(CORRUPTIONS)} faults found" in said
    assert "Clean: nothing was found." in said


def test_the_self_test_names_what_is_not_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_is_wrong(_: Sample) -> None:
        pass

    missed = Corruption(nothing_is_wrong, "quick", 1, frozenset({"gap"}))
    assert not is_told(missed)
    monkeypatch.setattr("cronfleet_verify.selftest.__main__.CORRUPTIONS", [missed])
    assert main(1) == 1
    assert "not told as it must be: nothing_is_wrong\n0 of 1 faults" in capsys.readouterr().out
