from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cronfleet import Scheduler
from tests.unit.cli.commands import Shell

TARGET = """
from cronfleet import Scheduler, cron
scheduler = Scheduler(program="mine")
scheduler.add_job(lambda _: None, cron("@daily"), "report")
"""


async def nothing(_: Scheduler) -> None:
    pass


def found(shell: Shell, *arguments: str) -> dict[str, tuple[str, str]]:
    document = shell("doctor", *arguments, "--json").json
    return {each["what"]: (each["condition"], each["said"]) for each in document["findings"]}


async def pause_all(scheduler: Scheduler) -> None:
    for name in ("report", "broken"):
        await scheduler.pause(name)


def test_jobs_that_are_scheduled_and_nobody_at_work_are_status_one(shell: Shell) -> None:
    shell.work(nothing)
    assert found(shell)["instances"][0] == "wrong"
    assert shell("doctor").status == 1


def test_all_is_well_in_a_folder_whose_jobs_are_paused(shell: Shell) -> None:
    shell.work(pause_all)
    said = shell("doctor")
    assert said.status == 0
    assert said.out.splitlines()[0].split() == ["WHAT", "HOW", "SAID"]
    assert "journal" in said.out or "write-ahead" in said.out
    assert found(shell)["promise"][0] == "well"


def test_the_doctor_makes_nothing(shell: Shell) -> None:
    said = shell("doctor")
    assert said.status == 2
    assert "there is no store" in said.out
    assert list(Path.cwd().iterdir()) == []


def test_the_doctor_changes_nothing(shell: Shell) -> None:
    shell.work(nothing)
    before = shell.store.read_bytes()
    shell("doctor")
    assert shell.store.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("USERS_DATABASE_URL", "sqlite:///none.db", "users"),
        ("CRONFLEET_STORE", "ftp://store", "store"),
        ("MAIL_SENDER", "smtp", "mail"),
    ],
)
def test_what_must_be_set_differently_is_status_two(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str
) -> None:
    shell.work(nothing)
    monkeypatch.setenv(name, value)
    assert found(shell)[what][0] == "setting"
    assert shell("doctor").status == 2


def test_a_store_that_cannot_be_reached_is_status_two(shell: Shell) -> None:
    said = shell("--store", "redis://127.0.0.1:1/0", "doctor")
    assert said.status == 2
    assert "gave no answer" in said.out
    assert "mail" in said.out


def test_settings_that_cannot_be_read_are_status_two(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "many")
    said = shell("doctor")
    assert (said.status, said.out) == (2, "")
    assert "PORT" in said.err


def test_a_targets_jobs_are_looked_at_and_no_application(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.work(nothing)
    (Path.cwd() / "examined.py").write_text(TARGET)
    monkeypatch.setattr(sys, "path", list(sys.path))  # which it is put at the front of
    monkeypatch.setenv("CRONFLEET_STORE", f"sqlite:///{shell.store}")
    looked_at = found(shell, "examined:scheduler")
    assert looked_at["jobs"][0] == "setting"
    assert "report (of 'test')" in looked_at["jobs"][1]
    assert "users" not in looked_at
