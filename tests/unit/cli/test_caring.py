from __future__ import annotations

import io

import pytest

from cronfleet import Scheduler
from tests.unit.cli.commands import Shell


async def nothing(_: Scheduler) -> None:
    pass


def test_an_adopted_store_has_another_id_and_says_what_was_set_aside(shell: Shell) -> None:
    shell.work(nothing)
    first = shell("store", "adopt", "--yes", "--why", "restored", "--json")
    assert (first.status, first.json["jobs_settled"], first.json["runs_cancelled"]) == (0, 0, 0)
    second = shell("store", "adopt", "--yes")
    assert second.status == 0
    assert "epoch 3" in second.out
    assert first.json["store_id"] not in second.out


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1), ("", 1)])
def test_a_person_is_shown_what_is_there_and_asked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    shell.work(nothing)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    said = shell("store", "adopt")
    assert said.status == status
    assert "2 jobs; the newest tick on record is -" in said.err
    assert "will be skipped" in said.err
    assert ("adopted: the store is" in said.out) == (status == 0)


def test_a_store_that_is_not_there_is_not_adopted(shell: Shell) -> None:
    said = shell("store", "adopt", "--yes")
    assert said.status == 2
    assert "there is no store" in said.err
