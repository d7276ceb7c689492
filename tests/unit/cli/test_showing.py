from __future__ import annotations

import re
from datetime import timedelta

from cronfleet import Retry, RunContext, Scheduler
from tests.unit.cli.commands import NEVER, Shell
from tests.unit.server.sites import ended_run


async def tells(run: RunContext) -> None:
    run.log.info("3 mails\x1b[2J, to\tall")
    if run.attempt == 1:
        raise RuntimeError("the \x1b[31mprinter\x1b[0m\nis on fire")
    for number in range(2_000):
        run.log.warning("page %d", number)


def register(scheduler: Scheduler) -> None:
    retry = Retry(attempts=2, first=timedelta(milliseconds=1))
    scheduler.add_job(tells, NEVER, "teller", retry=retry)


async def two_attempts(scheduler: Scheduler) -> None:
    await ended_run(scheduler, "teller")


async def a_failure(scheduler: Scheduler) -> None:
    await ended_run(scheduler, "broken")


def test_a_run_is_shown_with_its_life_and_what_each_attempt_logged(shell: Shell) -> None:
    shell.work(two_attempts, register)
    lines = shell("show", "teller").out.splitlines()
    assert re.fullmatch(r"teller@\d+\+1", lines[0])
    life = dict(re.split(r"  +", line.strip(), maxsplit=1) for line in lines[1 : lines.index("")])
    assert (life["kind"], life["state"], life["attempt"]) == ("manual", "succeeded", "2")
    assert life["took"].endswith(" s")
    log = lines[lines.index("") + 1 :]
    assert re.fullmatch(r"\S+Z INFO     3 mails, to\tall", log[0])
    assert re.match(r"\S+Z ERROR    attempt 1 failed after 0.0 s, the next one in ", log[1])
    second = log[log.index("--- attempt 2") + 1 :]
    assert re.fullmatch(r"\S+Z WARNING  page 0", second[1])
    assert log[-1].endswith("page 1999")
    (note,) = [line for line in log if line.startswith("[...")]
    # How many depends on how long the lines of the traceback are.
    assert re.fullmatch(r"\[... 1,0[01]\d lines are not kept ...]", note)


def test_what_went_wrong_stands_in_full_and_is_harmless(shell: Shell) -> None:
    shell.work(a_failure)
    lines = shell("show", "broken").out.splitlines()
    _, error, where, *_, last = "\n".join(lines[lines.index("") :]).splitlines()
    assert (error, where) == ("RuntimeError: the printer", "is on fire")
    assert re.fullmatch(r"\S+Z ERROR    is on fire", last)


def test_a_run_is_one_document_for_programs(shell: Shell) -> None:
    shell.work(two_attempts, register)
    said = shell("show", "teller", "--json").json
    assert said["run"]["attempt"] == 2
    first = said["log"][0]
    assert (first["level"], first["attempt"], first["missing"]) == ("INFO", 1, 0)
    assert first["text"] == "3 mails\x1b[2J, to\tall"


def test_a_run_is_named_by_its_id_or_by_its_job_and_fire_time(shell: Shell) -> None:
    shell.work(a_failure)
    run = shell("show", "broken", "--json").json["run"]
    assert shell("show", run["id"], "--json").json["run"] == run
    tick = run["id"].removesuffix("+1")
    said = shell("show", f"broken@{run['fire_time']}")
    assert (said.status, f"{tick!r}" in said.err) == (1, True), "of that instant there is no tick"


def test_what_is_not_there_is_said_in_one_line(shell: Shell) -> None:
    shell.work(a_failure)
    for named, what in (
        ("report", "the job has not run yet"),
        ("nobody", "nobody"),
        ("report@5", "it never was"),
        ("report@noon", "is not a run id"),
    ):
        said = shell("show", named)
        assert said.status in {1, 2}
        assert (len(said.err.splitlines()), what in said.err) == (1, True)
