from __future__ import annotations

import pytest

from cronfleet import Scheduler, cron
from tests.unit.cli.commands import Shell


async def nothing(_: Scheduler) -> None: ...


def register_nightly(scheduler: Scheduler) -> None:
    scheduler.add_job(lambda _: None, cron("30 2 1 1 *", "Europe/Berlin"), "nightly")


@pytest.fixture
def idle(shell: Shell) -> Shell:
    """Its jobs are known, and no instance is at work."""
    shell.work(nothing, register_nightly)
    return shell


def test_what_is_still_to_come_is_well(idle: Shell) -> None:
    said = idle("why", "nightly", "2199-01-01 02:30")
    assert said.status == 0
    assert said.out.startswith(
        "nightly is still to come for Tuesday 2199-01-01 02:30 Europe/Berlin (01:30 UTC): in "
    )


def test_what_did_not_run_ends_with_1_and_says_what_to_do(idle: Shell) -> None:
    idle("pause", "nightly", "--why", "holidays")
    said = idle("why", "nightly", "2199-01-01T01:30:00Z")
    assert said.status == 1
    first, second = said.out.splitlines()
    assert first.endswith("(holidays).")
    assert second == "What to do: go on with it: cronfleet resume nightly"


def test_programs_read_the_verdict_and_what_it_rests_on(idle: Shell) -> None:
    found = idle("why", "nightly", "2026-05-01 12:00", "--json")
    assert found.status == 1
    assert found.json["verdict"] == "no_fire_time"
    assert found.json["after"] == "2027-01-01T01:30:00Z"
    assert (found.json["run"], found.json["orders"]) == (None, [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nightly", "yesterday"), "write it as '2026-03-29 02:30'"),
        (("nightly",), "Missing argument 'TIME'"),
        (("rapport", "2026-05-01"), "there is no job 'rapport'"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(
    idle: Shell, arguments: tuple[str, ...], says: str
) -> None:
    said = idle("why", *arguments)
    assert said.status == 2
    assert says in said.err
