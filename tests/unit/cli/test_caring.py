from __future__ import annotations

import io
import sqlite3
from contextlib import closing

import pytest

from cronfleet import Scheduler
from cronfleet.clock import SystemClock
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


# --- check


def damage(shell: Shell, statement: str) -> None:
    with closing(sqlite3.connect(shell.store)) as connection:
        connection.execute(statement)
        connection.commit()


def test_in_a_store_that_is_right_nothing_is_wrong(shell: Shell) -> None:
    shell.work(nothing)
    said = shell("store", "check")
    assert (said.status, said.out, said.err) == (0, "Nothing is wrong.\n", "")
    assert shell("store", "check", "--json").json == {"faults": []}


def test_what_is_wrong_is_shown_and_then_mended(shell: Shell) -> None:
    shell.work(nothing)
    damage(shell, "UPDATE job SET active = 3 WHERE name = 'report'")
    said = shell("store", "check")
    assert said.status == 1
    header, row = said.out.splitlines()
    assert header.split()[0] == "WHERE"
    assert row.startswith("job report")
    assert "its active count is not the number of its active runs" in row
    (fault,) = shell("store", "check", "--repair", "--json").json["faults"]
    assert (fault["kind"], fault["mended"]) == ("active_count", True)
    assert shell("store", "check").status == 0


def test_what_a_person_must_mend_stays_status_one(shell: Shell) -> None:
    shell.work(nothing)
    damage(shell, "DELETE FROM definition")
    said = shell("store", "check", "--repair")
    assert said.status == 1
    assert "start an instance that has the job" in said.out
    shell.work(nothing)
    assert shell("store", "check").status == 0


def test_a_watermark_in_the_future_is_mended_and_ticks_go_on(shell: Shell) -> None:
    shell.work(nothing)
    damage(shell, "UPDATE job SET watermark = 95617584000000, expected_fire_time = NULL")
    assert shell("store", "check", "--repair").status == 0
    assert all(job["next_fire"] for job in shell("jobs", "--json").json["jobs"])


def test_while_the_clock_is_behind_no_watermark_is_moved(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the watermark that is wrong, and ticks would run again."""
    shell.work(nothing)
    damage(shell, "UPDATE job SET watermark = 95617584000000 WHERE name = 'report'")
    monkeypatch.setattr("cronfleet.stores.sqlite.store.SystemClock", Behind)
    said = shell("store", "check", "--repair")
    assert said.status == 1
    assert "set the clocks right first" in said.out
    assert {job["watermark"] for job in shell("jobs", "--json").json["jobs"]} != {None}


class Behind(SystemClock):
    """Of a machine whose clock was set back by two hours."""

    def wall_ms(self) -> int:
        return super().wall_ms() - 7_200_000
