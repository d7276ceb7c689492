"""The whole program: `cronfleet run` with a job file, as an operator starts it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.apps.job_file.web import Web
from tests.apps.processes import Process, cronfleet

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

RUN = ("-m", "cronfleet", "run", "jobs.toml")
SECRET = "correct-horse-battery"


def jobs(folder: Path, text: str) -> None:
    (folder / "jobs.toml").write_text(text)


def ended(folder: Path, job: str) -> list[dict[str, str]]:
    runs = cronfleet(folder, "runs", job)["runs"]
    return [run for run in runs if run.get("outcome")]


def test_commands_and_requests_run_and_what_became_of_them_is_on_record(
    tmp_path: Path, web: Web
) -> None:
    web.answer = lambda handler: handler.say(500 if handler.path == "/broken" else 200, "so it is")
    jobs(
        tmp_path,
        f"""
        [http]
        allow_hosts = ["127.0.0.1"]
        allow_networks = ["127.0.0.1"]

        [jobs.greet]
        every = "1s"
        command = ["/bin/sh", "-c", "echo hello from $CRONFLEET_JOB, $KEY"]
        env = {{ KEY = "${{KEY}}" }}

        [jobs.fail]
        every = "1s"
        command = ["/bin/sh", "-c", "echo it burns; exit 3"]

        [jobs.ping]
        every = "1s"
        http = {{ url = "{web.url("/fine?key=${KEY}")}" }}

        [jobs.broken]
        every = "1s"
        http = {{ url = "{web.url("/broken")}", method = "POST", body = "${{KEY}}" }}
        """,
    )
    with Process(tmp_path, *RUN, KEY=SECRET) as instance:
        instance.until("jobs: those of program jobs, from jobs.toml")
        for words in ("hello from greet, ***", "fail@", "answered 200", "broken@"):
            instance.until(words)
        instance.stop()
        log = "".join(instance.said)
    assert ended(tmp_path, "greet")[0]["outcome"] == "succeeded"
    assert ended(tmp_path, "fail")[0]["error"] == "it ended with exit status 3\nit burns"
    assert ended(tmp_path, "ping")[0]["outcome"] == "succeeded"
    assert "answered 500 Internal Server Error" in ended(tmp_path, "broken")[0]["error"]
    keys = [asked.headers["idempotency-key"] for asked in web.asked]
    assert len(keys) == len(set(keys))
    assert {run["id"] for run in ended(tmp_path, "ping")} <= set(keys)
    store = b"".join(file.read_bytes() for file in (tmp_path / "var").glob("cronfleet.db*"))
    assert SECRET not in log
    assert SECRET.encode() not in store


def test_two_instances_with_a_job_file_run_each_tick_once(tmp_path: Path) -> None:
    jobs(
        tmp_path, '[jobs.x]\nevery="1s"\ncommand=["/bin/sh", "-c", "echo $CRONFLEET_RUN_ID >> ran"]'
    )
    with ExitStack() as stack:
        instances = [stack.enter_context(Process(tmp_path, *RUN)) for _ in range(2)]
        for instance in instances:
            instance.until("next fire time")
        while len(ended(tmp_path, "x")) < 4:
            pass
        assert [instance.stop() for instance in instances] == [0, 0]
    ran = (tmp_path / "ran").read_text().split()
    assert len(ran) == len(set(ran)) >= 4


def test_a_time_limit_ends_a_command_and_all_that_it_started(tmp_path: Path) -> None:
    jobs(
        tmp_path,
        """
        [jobs.slow]
        every = "1s"
        timeout = "500ms"
        command = ["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo pid $!; wait; sleep 1000"]
        """,
    )
    with Process(tmp_path, *RUN) as instance:
        pid = pid_in(instance.until(": pid "))
        gone = os.pidfd_open(pid)
        instance.until("slow@")
        assert select.select([gone], [], [], 60)[0] == [gone]
        os.close(gone)
        instance.stop()
    assert ended(tmp_path, "slow")[0]["outcome"] == "timed_out"


def pid_in(line: str) -> int:
    """Behind it the line says of which attempt it is."""
    return int(line.partition(": pid ")[2].split()[0])


def test_no_command_outlives_an_instance_that_is_killed(tmp_path: Path) -> None:
    jobs(
        tmp_path,
        """
        [jobs.slow]
        every = "1s"
        command = ["/bin/sh", "-c", "echo pid $$; exec sleep 1000"]
        """,
    )
    with Process(tmp_path, *RUN) as instance:
        gone = os.pidfd_open(pid_in(instance.until(": pid ")))
        instance.kill()
        assert select.select([gone], [], [], 60)[0] == [gone]
        os.close(gone)


def test_an_instance_that_is_told_to_stop_waits_for_its_commands(tmp_path: Path) -> None:
    jobs(
        tmp_path,
        """
        [jobs.slow]
        every = "1s"
        command = ["/bin/sh", "-c", "echo begun; read line < pipe; echo $line > done"]
        """,
    )
    os.mkfifo(tmp_path / "pipe")
    with Process(tmp_path, *RUN) as instance:
        instance.until("begun")
        instance.signal(signal.SIGTERM)
        instance.until("stopping")
        (tmp_path / "pipe").write_text("well\n")
        assert instance.ended() == 0
    assert (tmp_path / "done").read_text() == "well\n"


def test_a_file_with_mistakes_is_told_line_by_line_and_nothing_is_started(tmp_path: Path) -> None:
    jobs(tmp_path, "[jobs.x]\nevery = 5\ncommand = 'a'\n")
    done = subprocess.run(
        [sys.executable, *RUN], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert [line.partition(": ")[2].partition(": m")[0] for line in done.stderr.splitlines()] == [
        "jobs.toml: job 'x': every: 5 has no unit: write it as in '5s'",
        "jobs.toml: job 'x': command",
    ]
    assert not (tmp_path / "var").exists()
