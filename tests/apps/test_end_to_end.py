"""The product's spine, from the command to the mailbox."""

from __future__ import annotations

import asyncio
import signal
import stat
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from cronfleet import Scheduler
from cronfleet.apps.password_expiry.sending.mailbox import MailboxSender
from tests.apps.processes import Process, cronfleet, mailed
from tests.apps.worlds import make_users, row
from tests.servers import OwnServer, Server

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(120)]

TARGET = """
import asyncio
from cronfleet import RunContext, Scheduler, every
from datetime import timedelta

scheduler = Scheduler()

@scheduler.job(every(timedelta(seconds=1)))
async def sleepy(run: RunContext) -> None:
    print("asleep", flush=True)
    await asyncio.sleep({seconds})

if __name__ == "__main__":
    scheduler.run()
"""


def await_runs(instance: Process, count: int) -> None:
    """Ask until so many runs of the application's job have ended."""
    ended: list[object] = []
    while len(ended) < count:
        runs = instance.ask("/api/v1/jobs/password-expiry/runs").json()["runs"]
        ended = [run for run in runs if run["outcome"] == "succeeded"]


def assert_each_is_mailed_once(folder: Path) -> None:
    assert (len(mailed(folder)), len(set(mailed(folder)))) == (40, 40)


def test_each_expired_sample_user_is_mailed_once_whatever_happens_after(tmp_path: Path) -> None:
    with Process(tmp_path) as first:
        assert "40 new notices, 40 SENT" in first.until("to be sent")
    assert_each_is_mailed_once(tmp_path)
    for days in ("89", "91"):
        with Process(tmp_path, PASSWORD_MAX_AGE_DAYS=days) as again:
            assert "0 new notices; 0 to be sent" in again.until("to be sent")
    assert_each_is_mailed_once(tmp_path)


def test_triggered_ten_times_it_mails_nobody_twice(tmp_path: Path) -> None:
    async def trigger_ten_times() -> None:
        scheduler = Scheduler(f"sqlite:///{tmp_path}/var/cronfleet.db")
        for _ in range(10):
            await scheduler.trigger("password-expiry")
        await scheduler.aclose()

    with Process(tmp_path) as instance:
        instance.until("40 SENT")
        asyncio.run(trigger_ten_times())
        await_runs(instance, 1 + 10)
    assert_each_is_mailed_once(tmp_path)


def test_three_instances_in_a_folder_mail_each_user_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        instances = [stack.enter_context(Process(tmp_path)) for _ in range(3)]
        for instance in instances:
            instance.until("next fire time")
        assert len(instances[0].ask("/api/v1/instances").json()["instances"]) == 3
        await_runs(instances[0], 3)
    assert_each_is_mailed_once(tmp_path)


@pytest.mark.redis
def test_instances_on_redis_mail_each_user_once(tmp_path: Path, own_redis: OwnServer) -> None:
    settings = {"REDIS_HOST": own_redis.host, "REDIS_PORT": str(own_redis.port)}
    with Process(tmp_path, **settings) as one, Process(tmp_path, **settings) as other:
        assert f"redis://{own_redis.host}:{own_redis.port}" in one.until("store: ")
        other.until("next fire time")
        await_runs(one, 2)
        jobs = cronfleet(tmp_path, "jobs", **settings)["jobs"]
    assert [job["name"] for job in jobs] == ["password-expiry", "password-expiry-delivery"]
    assert_each_is_mailed_once(tmp_path)
    assert not (tmp_path / "var" / "cronfleet.db").exists()


@pytest.mark.redis
def test_a_store_that_is_not_up_yet_is_waited_for_in_the_open(
    tmp_path: Path, own_redis: OwnServer
) -> None:
    own_redis.stop()
    with Process(tmp_path, REDIS_URL=own_redis.url) as instance:
        instance.until("waiting up to 60 s")
        assert instance.ask("/health-check").text == "OK"
        assert instance.ask("/healthz/ready").status_code == 503
        assert instance.ask("/").status_code == 503
        own_redis.start()
        instance.until("40 SENT")
        assert instance.ask("/").status_code == 200


@pytest.mark.redis
def test_whoever_waits_for_a_store_can_be_stopped_at_once(
    tmp_path: Path, own_redis: OwnServer
) -> None:
    own_redis.stop()
    with Process(tmp_path, REDIS_URL=own_redis.url) as instance:
        instance.until("waiting up to 60 s")
        assert instance.stop() == 0
    assert "Traceback" not in "".join(instance.said)


def test_with_real_users_it_says_when_the_first_run_is_and_how_to_have_it_now(
    tmp_path: Path,
) -> None:
    make_users(tmp_path / "company.db", [row(1)])
    with Process(tmp_path, USERS_DATABASE_URL="sqlite:///company.db") as instance:
        said = instance.until("next run: 20")
    assert said.endswith("; to run now: cronfleet trigger password-expiry\n")


def test_it_says_at_the_start_what_it_uses_and_where(tmp_path: Path) -> None:
    with Process(tmp_path) as instance:
        instance.until("to be sent")
        assert instance.ask("/health-check").text == "OK"
        page = instance.ask("/password-expiry").text
    said = "".join(instance.said)
    for told in (
        f"page: http://localhost:{instance.port}\n",
        f"store: sqlite:///{tmp_path}/var/cronfleet.db\n",
        "promise: SQLite ",
        "200 made-up ones in var/sample-users.db",
        "the mailbox folder var/mailbox",
        "job password-expiry: 0 * * * * (every hour), scheduled, next fire time 20",
        "job password-expiry-delivery: every 0:01:00 (every minute), scheduled, ",
    ):
        assert told in said
    assert page.count("Your password has expired") == 40


def test_what_it_writes_is_for_its_user_alone(tmp_path: Path) -> None:
    with Process(tmp_path) as instance:
        instance.until("40 SENT")
        found = [tmp_path / "var", *(tmp_path / "var").rglob("*")]
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in found if path.exists()}
    assert len(modes) > 40
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_killed_instance_is_followed_by_one_that_goes_on(tmp_path: Path) -> None:
    with Process(tmp_path) as first:
        first.until("next fire time")
        first.kill()
    with Process(tmp_path) as second:
        second.until("to be sent")
    mails = mailed(tmp_path)
    assert (
        len(mails) == len(set(mails)) >= 40 - MailboxSender.at_a_time
    )  # those it had in hand wait for a person


def test_a_target_is_run_from_the_folder_beside_its_server(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(TARGET.format(seconds=3600))
    with Process(tmp_path, "-m", "cronfleet", "run", "app:scheduler") as instance:
        instance.until("asleep")
        (job,) = instance.ask("/api/v1/jobs").json()["jobs"]
        assert (job["name"], job["program"]) == ("sleepy", "app")
        assert cronfleet(tmp_path, "jobs")["jobs"][0]["active"] == 1
        instance.signal(signal.SIGTERM)
        instance.until("stopping")
        assert instance.ask("/health-check").text == "OK"
        assert instance.ask("/healthz/ready").text == "not ready: it is stopping"
        assert instance.stop() == 0
    (run, *_) = cronfleet(tmp_path, "runs", "sleepy")["runs"]
    assert run["outcome"] == "lost"


def test_a_modules_jobs_belong_to_the_same_program_however_it_is_started(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(TARGET.format(seconds=0))
    store = {"CRONFLEET_STORE": f"sqlite:///{tmp_path}/var/cronfleet.db"}
    for start in (("-m", "cronfleet", "run", "app:scheduler"), ("app.py",), ("-m", "app")):
        with Process(tmp_path, *start, **store) as instance:
            instance.until("asleep")
            assert instance.stop() == 0


def test_without_a_server_it_listens_on_no_port(tmp_path: Path) -> None:
    with Process(tmp_path, "-m", "cronfleet", "run", "--no-server") as instance:
        instance.until("store: ")
        assert not any(line.startswith("page: ") for line in instance.said)
        instance.until("to be sent")
        with pytest.raises(httpx.ConnectError):
            instance.ask("/health-check")


def test_the_terminal_can_stop_it(tmp_path: Path) -> None:
    with Process(tmp_path) as instance:
        instance.until("to be sent")
        instance.signal(signal.SIGINT)
        assert instance.ended() == 0
    assert "Traceback" not in "".join(instance.said)


@pytest.mark.valkey
def test_it_works_on_valkey_too(tmp_path: Path, valkey_server: Server) -> None:
    with Process(tmp_path, REDIS_URL=valkey_server.url, CRONFLEET_FLEET="spine") as instance:
        instance.until("40 SENT")
    assert_each_is_mailed_once(tmp_path)
