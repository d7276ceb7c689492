from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from cronfleet import RunContext, Scheduler, cron
from tests.unit.cli.commands import Shell
from tests.unit.server.sites import (
    ended_run,
    ended_shards,
    failed_attempt,
    register_patient,
    register_sharded,
)


async def nothing(_: Scheduler) -> None:
    pass


def test_jobs_are_listed_with_what_is_to_come(shell: Shell) -> None:
    shell.work(nothing)
    header, broken, report = shell("jobs").out.splitlines()
    assert header.split()[:2] == ["JOB", "SCHEDULE"]
    assert broken.startswith("broken ")
    assert "0 0 1 1 *" in report


def test_jobs_are_one_document_for_programs(shell: Shell) -> None:
    shell.work(nothing)
    broken, report = shell("jobs", "--json").json["jobs"]
    assert (broken["name"], report["name"], report["state"]) == ("broken", "report", "scheduled")
    assert report["next_fire"].endswith("-01-01T00:00:00Z")


def test_a_paused_job_says_who_paused_it_and_why(shell: Shell) -> None:
    shell.work(lambda scheduler: scheduler.pause("report", who="anna", why="\x1b[2Jholidays"))
    assert "paused by anna: holidays" in shell("jobs").out


def test_a_job_paused_without_a_reason_says_by_whom_alone(shell: Shell) -> None:
    shell.work(lambda scheduler: scheduler.pause("report", who="anna"))
    assert shell("jobs").out.splitlines()[2].endswith("paused by anna")


def test_a_run_that_will_be_tried_again_is_shown_as_it_stands(shell: Shell) -> None:
    shell.work(failed_attempt, register_patient)
    _, run = shell("runs", "patient").out.splitlines()
    assert run.split()[1:4] == ["manual", "pending", "2"]
    assert re.search(r"next at \S+Z; failed before: RuntimeError: no paper; patient@\d+\+1$", run)


def test_a_tick_tells_how_its_shards_ended_and_each_of_them_which_it_is(shell: Shell) -> None:
    shell.work(ended_shards, register_sharded)
    _, *shards, whole = shell("runs", "sharded").out.splitlines()
    assert [row.split()[1:4] for row in shards] == [
        ["manual", "/2", "succeeded"],
        ["manual", "/1", "failed"],
        ["manual", "/0", "succeeded"],
    ]
    assert "no 1 of 3" in shards[1]
    assert whole.split()[1:3] == ["manual", "failed"]
    assert whole.rstrip().endswith("2 succeeded, 1 failed of 3 shards")
    told = shell("runs", "sharded", "--json").json["runs"]
    assert [(run["shard"], run["shards"]) for run in told] == [(2, 3), (1, 3), (0, 3), (None, 3)]
    assert told[-1]["tally"]["failed"] == 1


def test_runs_and_skipped_ticks_stand_together_the_newest_first(shell: Shell) -> None:
    async def act(scheduler: Scheduler) -> None:
        await ended_run(scheduler, "report")
        await scheduler.skip_next("report")

    shell.work(act)
    _, gap, run = shell("runs", "report").out.splitlines()
    assert gap.split()[1:3] == ["gap", "skipped"]
    assert gap.rstrip().endswith("by_hand")
    assert run.split()[1:3] == ["manual", "succeeded"]


@pytest.mark.parametrize("as_json", [False, True])
def test_no_run_and_no_skipped_tick_is_lost_between_pages(shell: Shell, *, as_json: bool) -> None:
    async def act(scheduler: Scheduler) -> None:
        for _ in range(4):
            await ended_run(scheduler, "report")
            await scheduler.skip_next("report")
            await ended_run(scheduler, "report")

    shell.work(act)
    seen: list[str] = []
    for skip in range(0, 14, 3):
        page = ("runs", "report", "-n", "3", "--skip", str(skip))
        if as_json:
            document = shell(*page, "--json").json
            seen += [run["id"] for run in document["runs"]]
            seen += [gap["last"] for gap in document["gaps"]]
        else:
            seen += [" ".join(line.split()) for line in shell(*page).out.splitlines()[1:]]
    whole = [" ".join(line.split()) for line in shell("runs", "report").out.splitlines()[1:]]
    assert len(seen) == len(set(seen)) == len(whole) >= 8 + 1
    assert as_json or seen == whole


def test_runs_are_one_document_for_programs(shell: Shell) -> None:
    shell.work(lambda scheduler: ended_run(scheduler, "broken"))
    document = shell("runs", "broken", "--json").json
    (run,) = document["runs"]
    assert (run["outcome"], document["gaps"]) == ("failed", [])
    assert run["error"].startswith("RuntimeError: the \x1b[31mprinter")


def test_of_an_error_the_table_shows_the_first_line(shell: Shell) -> None:
    shell.work(lambda scheduler: ended_run(scheduler, "broken"))
    _, run = shell("runs", "broken").out.splitlines()
    assert run.rstrip().endswith("RuntimeError: the printer")


def test_no_more_rows_than_asked_for(shell: Shell) -> None:
    async def act(scheduler: Scheduler) -> None:
        for _ in range(3):
            await ended_run(scheduler, "report")

    shell.work(act)
    assert len(shell("runs", "report", "-n", "2").out.splitlines()) == 1 + 2
    assert len(shell("runs", "report", "-n", "2", "--skip", "2").out.splitlines()) == 1 + 1


def test_a_job_that_never_ran_is_told_as_such(shell: Shell) -> None:
    shell.work(nothing)
    assert shell("runs", "report").out == "Nothing has run yet, and nothing was skipped.\n"


def test_an_unknown_job_is_answered_with_those_known(shell: Shell) -> None:
    shell.work(nothing)
    said = shell("runs", "mystery")
    assert (said.status, said.out) == (2, "")
    assert said.err == "cronfleet: there is no job 'mystery'; the store has: broken, report\n"


def test_next_tells_fire_times_in_utc_and_in_the_zone(shell: Shell) -> None:
    title, header, *rows = shell(
        "next", "0 9 * * *", "--tz", "Asia/Tokyo", "-n", "3"
    ).out.splitlines()
    assert title == "at 09:00 every day (Asia/Tokyo)"
    assert "IN Asia/Tokyo" in header
    assert [row.split()[0][10:] for row in rows] == ["T00:00:00Z"] * 3
    assert all("09:00:00+09:00" in row for row in rows)


def test_next_marks_what_a_clock_change_moves(shell: Shell) -> None:
    fires = shell("next", "30 2 * * *", "--tz", "Europe/Berlin", "-n", "400", "--json").json
    moved = [fire for fire in fires["fire_times"] if fire["mark"] == "moved"]
    assert moved
    assert {datetime.fromisoformat(fire["local"]).strftime("%H:%M") for fire in moved} == {"03:00"}


def test_next_tells_the_numbers_that_a_job_has_for_its_h(shell: Shell) -> None:
    title, _, *rows = shell("next", "H 9 * * *", "--job", "report", "-n", "3").out.splitlines()
    assert title == "at 09:16 every day"
    assert [row.split()[0][10:] for row in rows] == ["T09:16:00Z"] * 3


def test_next_shows_when_a_jittered_tick_is_due(shell: Shell) -> None:
    command = ("next", "0 9 * * *", "--job", "report", "--jitter", "90", "-n", "2")
    header, *rows = shell(*command).out.splitlines()[1:]
    assert header.split()[:3] == ["FIRE", "TIME", "DUE"]
    for row, fire in zip(rows, shell(*command, "--json").json["fire_times"], strict=True):
        assert row.split()[:2] == [fire["fire_time"], fire["due"]]
        late = datetime.fromisoformat(fire["due"]) - datetime.fromisoformat(fire["fire_time"])
        assert timedelta(0) < late < timedelta(seconds=90)


def test_jobs_show_their_jitter(shell: Shell) -> None:
    async def nightly(_: RunContext) -> None: ...

    def register(scheduler: Scheduler) -> None:
        schedule = cron("H 3 * * *")
        scheduler.add_job(nightly, schedule, "nightly", jitter=timedelta(minutes=1))

    shell.work(nothing, register)
    (row,) = (line for line in shell("jobs").out.splitlines() if line.startswith("nightly"))
    assert "H 3 * * *, jitter 60 s" in row
    (job,) = (job for job in shell("jobs", "--json").json["jobs"] if job["name"] == "nightly")
    assert job["jitter_s"] == 60
    assert job["next_fire"] < job["next_due"]


def test_next_says_when_there_is_nothing_to_come(shell: Shell) -> None:
    assert shell("next", "0 0 0 1 1 * 2020").out.splitlines()[-1] == "It fires no more."


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("next", "0 9 * *"), "write 5 fields"),
        (("next", "60 * * * *"), "60"),
        (("next", r"0 \* \* \* \*"), "backslash"),
        (("next", "0 9 * * *", "--tz", "Europe/Bärlin"), "Bärlin"),
        (("next", "0 9 * * *", "-n", "0"), "not in the range"),
        (("next",), "Missing argument"),
        (("next", "H 9 * * *"), "`cronfleet next --job NAME`"),
        (("next", "0 9 * * *", "--jitter", "5"), "--jitter needs --job NAME"),
        (("nonsense",), "No such command"),
        (("jobs", "--nonsense"), "No such option"),
    ],
)
def test_what_cannot_be_understood_is_status_two_and_a_clear_line(
    shell: Shell, arguments: tuple[str, ...], hint: str
) -> None:
    said = shell(*arguments)
    assert (said.status, said.out) == (2, "")
    assert hint in said.err.splitlines()[-1]


@pytest.mark.parametrize("verb", [("jobs",), ("runs", "report"), ("pause", "report")])
def test_whoever_looks_in_the_wrong_folder_makes_no_store_there(
    shell: Shell, verb: tuple[str, ...]
) -> None:
    said = shell(*verb)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("cronfleet: there is no store var/cronfleet.db: start")
    assert not shell.store.parent.exists()


def test_the_store_that_is_named_comes_before_the_environments(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.work(nothing)
    monkeypatch.setenv("CRONFLEET_STORE", "sqlite:///elsewhere.db")
    assert shell("jobs").status == 2
    assert shell("--store", f"sqlite:///{shell.store}", "jobs").status == 0


def test_a_password_in_the_stores_url_is_not_repeated(shell: Shell) -> None:
    said = shell("--store", "redis://:hunter2@127.0.0.1:1/0", "jobs")
    assert (said.status, said.out, "hunter2" in said.err) == (2, "", False)
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    "command",
    [("jobs",), ("runs", "report"), ("trigger", "report"), ("store", "check"), ("doctor",)],
)
def test_a_store_that_cannot_be_reached_is_status_two(
    shell: Shell, command: tuple[str, ...]
) -> None:
    said = shell("--store", "redis://127.0.0.1:1/0", *command)
    assert said.status == 2
    assert "gave no answer" in said.out + said.err
