from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime, timedelta

import pytest

from cronfleet import Scheduler
from tests.unit.cli.commands import Shell

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def idle(shell: Shell) -> Shell:
    """Its jobs are known, and no instance is at work."""

    async def nothing(_: Scheduler) -> None:
        pass

    shell.work(nothing)
    return shell


def test_a_trigger_makes_a_run_for_whoever_works_next(idle: Shell) -> None:
    said = idle("trigger", "report", "--why", "to see")
    assert said.status == 0
    assert said.out.endswith(" is pending\n")
    (run,) = idle("runs", "report", "--json").json["runs"]
    assert said.out.startswith(run["id"])


def test_the_same_key_makes_no_second_run(idle: Shell) -> None:
    first, second = (idle("trigger", "report", "--key", "k", "--json").json for _ in range(2))
    assert first["run"] == second["run"]
    assert len(idle("runs", "report", "--json").json["runs"]) == 1


def test_a_trigger_of_a_paused_job_says_so(idle: Shell) -> None:
    idle("pause", "report")
    assert idle("trigger", "report").out.endswith(
        " is pending; the job is paused, and this run goes on all the same\n"
    )


def test_a_pause_and_a_resume_tell_how_the_job_stands(idle: Shell) -> None:
    assert idle("pause", "report", "--why", "holidays").out == (
        "report is paused, next fire time -\n"
    )
    paused = idle("jobs", "--json").json["jobs"][1]
    assert (paused["paused_by"], paused["paused_why"]) == (ME, "holidays")
    assert idle("resume", "report", "--json").json["state"] == "scheduled"


def test_a_pause_may_have_an_end(idle: Shell) -> None:
    said = idle("pause", "report", "--until", "2100-01-01", "--why", "holidays")
    assert said.out == "report is paused until 2100-01-01T00:00:00Z\n"
    assert "paused by " in idle("jobs").out
    assert " until 2100-01-01T00:00:00Z: holidays" in idle("jobs").out
    assert idle("pause", "report").out == "report is paused, next fire time -\n"


@pytest.mark.parametrize(
    ("span", "length"), [("90m", timedelta(minutes=90)), ("2h", timedelta(hours=2))]
)
def test_a_pause_may_last_for_so_long(idle: Shell, span: str, length: timedelta) -> None:
    before = datetime.now(UTC)
    told = idle("pause", "report", "--for", span, "--json").json["paused_until"]
    ends = datetime.fromisoformat(told)
    assert before + length <= ends <= datetime.now(UTC) + length


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--for", "soon"), "'soon' is no length of time: write it as 90m, 2h or 3d"),
        (("--for", "0h"), "'0h' is no length of time"),
        (("--until", "soon"), "'soon' is no instant"),
        (("--until", "2001-01-01"), "its end has passed already"),
        (("--until", "2100-01-01", "--for", "2h"), "say either --until or --for, not both"),
    ],
)
def test_an_end_that_cannot_be_pauses_nothing(
    idle: Shell, options: tuple[str, ...], said: str
) -> None:
    told = idle("pause", "report", *options)
    assert told.status != 0
    assert said in told.err
    assert "paused" not in idle("jobs").out


def test_a_back_fill_tells_what_it_would_make_and_then_makes_it(idle: Shell) -> None:
    span = ("backfill", "report", "2020-01-01", "2022-06-01")
    assert idle(*span, "--dry-run").out == (
        "report: 3 fire times, 2020-01-01T00:00:00Z to 2022-01-01T00:00:00Z: "
        "3 runs would be made, 0 have run\n"
    )
    assert idle("runs", "report", "--json").json["runs"] == []
    assert idle(*span, "--json").json["made"] == 3
    assert "0 runs made, 3 have run" in idle(*span).out
    assert idle(*span, "--again", "--json").json["made"] == 3


def test_a_back_fill_of_nothing_says_so(idle: Shell) -> None:
    said = idle("backfill", "report", "2020-01-02T00:00:00Z", "2020-02-02T01:00:00+01:00")
    assert said.out == "report: no fire time that has passed lies there\n"


@pytest.mark.parametrize("bound", ["yesterday", "2020-13-01"])
def test_what_is_no_instant_is_refused(idle: Shell, bound: str) -> None:
    said = idle("backfill", "report", bound, "2022-01-01")
    assert said.status == 2
    assert "write it as 2026-03-01T12:00:00Z" in said.err


def test_a_cancelled_run_has_ended_and_says_who_wanted_it(idle: Shell) -> None:
    run = idle("trigger", "report", "--json").json["run"]
    assert idle("cancel", run, "--why", "a mistake").out == f"{run} has ended: cancelled\n"
    assert idle("cancel", run, "--json").json["error"] == f"cancelled by {ME}: a mistake"


@pytest.mark.parametrize("run", ["report", "report@1", "@"])
def test_a_run_that_is_not_there_is_named(idle: Shell, run: str) -> None:
    said = idle("cancel", run)
    assert said.status == 1
    assert f"there is no run {run!r}" in said.err


def test_a_skipped_tick_is_not_the_next_one_any_more(idle: Shell) -> None:
    before = idle("jobs", "--json").json["jobs"][1]["next_fire"]
    after = idle("skip-next", "report", "--json").json["next_fire"]
    assert int(after[:4]) == int(before[:4]) + 1


def test_a_skip_says_which_tick_it_was(idle: Shell) -> None:
    before = idle("jobs", "--json").json["jobs"][1]["next_fire"]
    said = idle("skip-next", "report").out
    after = idle("jobs", "--json").json["jobs"][1]["next_fire"]
    assert said == f"report: the tick of {before} is skipped, next fire time {after}\n"


def test_a_paused_job_has_no_tick_to_skip(idle: Shell) -> None:
    idle("pause", "report")
    said = idle("skip-next", "report")
    assert (said.status, said.out) == (1, "")
    assert said.err == "cronfleet: report is paused: it has no next tick to skip\n"


@pytest.mark.parametrize("verb", ["trigger", "pause", "resume", "skip-next"])
def test_an_order_about_an_unknown_job_is_answered_with_those_known(idle: Shell, verb: str) -> None:
    said = idle(verb, "mystery")
    assert (said.status, said.out) == (2, "")
    assert said.err == "cronfleet: there is no job 'mystery'; the store has: broken, report\n"


def test_a_user_without_a_name_gives_orders_by_number(
    idle: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unnamed(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unnamed)
    assert idle("pause", "report", "--json").json["paused_by"] == f"user {os.getuid()}"


def test_a_removed_job_is_listed_apart_and_says_how_it_comes_back(idle: Shell) -> None:
    said = idle("remove", "report", "--why", "no longer needed")
    assert said.out == (
        "report is removed; it comes back when it is added again, or when an instance is started "
        "that declares it\n"
    )
    assert [job["name"] for job in idle("jobs", "--json").json["jobs"]] == ["broken"]
    (removed,) = idle("jobs", "--removed", "--json").json["jobs"]
    assert (removed["name"], removed["state"]) == ("report", "removed")


def test_what_was_removed_can_be_given_no_orders(idle: Shell) -> None:
    assert idle("jobs", "--removed").out == "No job was removed.\n"
    assert idle("remove", "report", "--json").json["state"] == "removed"
    said = idle("trigger", "report")
    assert said.status == 2
    assert said.err.endswith("job 'report' was removed: add it again before it is given orders\n")
