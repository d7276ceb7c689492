"""The users of a run are read in parts, and judged and mailed as if one had read them all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from cronfleet import ConfigurationError, RunInfo, Scheduler
from cronfleet.apps.password_expiry import JOB, register
from cronfleet.apps.password_expiry.care.care import Care
from cronfleet.apps.password_expiry.databases.databases import Database
from cronfleet.apps.password_expiry.databases.files import private_file
from cronfleet.apps.password_expiry.job import ExpiryJob, RunReport
from cronfleet.apps.password_expiry.outbox.canary import Canary
from cronfleet.apps.password_expiry.outbox.records import Hold, Records, Run, Scan
from cronfleet.apps.password_expiry.outbox.values import Shard
from cronfleet.config import Settings, load_settings
from tests.apps.processes import Process, mailed
from tests.apps.worlds import LONG_AGO, NOW, OpenWorld, Recorder, World, ask, row, world_at

TODAY = NOW.date().isoformat()
GAP = 10


class Fleet:
    """Instances that share the users and the outbox of a world, and send by one sender."""

    def __init__(self, world: World, of: int = 3, url: str = "") -> None:
        self.world = world
        self.url = url
        self.sender = Recorder()
        self.records = Records(world.outbox.database)
        self._of = of

    @property
    def holds(self) -> list[Hold]:
        return self.records.standing()

    @property
    def last(self) -> Run:
        return self.records.runs()[0]

    async def read(
        self,
        number: int,
        *,
        hour: int = 0,
        most: int = 500,
        draining: threading.Event | None = None,
    ) -> RunReport:
        """One shard of a run."""
        care = Care(self.records, Canary())
        job = ExpiryJob(self.world.parts(self.sender), most=most, is_dry=False, care=care)
        asked = ask(number, NOW + timedelta(hours=hour))
        asked = replace(asked, shard=Shard(number, self._of), draining=draining or asked.draining)
        return await job.run(asked)

    async def run(self, *, hour: int = 0, most: int = 500) -> list[RunReport]:
        """All shards of a run at once."""
        shards = (self.read(number, hour=hour, most=most) for number in range(self._of))
        return list(await asyncio.gather(*shards))


def some_due(world_of: OpenWorld, due: range, users: int, of: int = 3) -> Fleet:
    rows = (row(n) if n in due else row(n, TODAY) for n in range(users))
    return Fleet(world_of(*rows), of)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Fleet]:
    """Over 1,500 users, none of whom is due, with every tenth number as their ids."""
    file = tmp_path / "users.db"
    match request.param:
        case "postgresql":
            url: str = request.getfixturevalue("on_postgres")
        case "mariadb":
            url = request.getfixturevalue("on_mariadb")
        case _:
            url = f"sqlite:///{private_file(file)}"
    text = ("email", "name", "password_changed_at")
    columns = ", ".join(f"{each} VARCHAR(100)" for each in text)
    execute(url, f"CREATE TABLE users (id BIGINT PRIMARY KEY, {columns})")
    insert(url, range(GAP, 15_001, GAP), TODAY)
    with world_at(url, file) as world:
        yield Fleet(world, url=url)


def execute(url: str, statement: str) -> None:
    database = Database(url, "USERS_DATABASE_URL", writes=True)
    with database.begin() as connection:
        connection.exec_driver_sql(statement)
    database.close()


def insert(url: str, ids: Iterable[int], changed: str = LONG_AGO) -> None:
    values = ", ".join(f"({id_}, 'u{id_}@corp.test', '', '{changed}')" for id_ in ids)
    execute(url, f"INSERT INTO users VALUES {values}")


# --- Nothing is sent before all is judged


async def test_nothing_is_sent_before_all_shards_have_read(world_of: OpenWorld) -> None:
    these = some_due(world_of, range(30), 30)
    await these.read(2)
    await these.read(0)
    assert these.sender.mails == []
    await these.read(1)
    assert len(these.sender.mails) == 30
    assert (these.last.users, these.last.due, these.last.made) == (30, 30, 30)


async def test_shards_at_once_mail_each_user_once(fleet: Fleet) -> None:
    insert(fleet.url, range(5, 15_000, 150))
    reports = await fleet.run()
    assert sum(report.users for report in reports) == fleet.last.users == 1_600
    assert (len(fleet.sender.mails), len(set(fleet.sender.recipients))) == (100, 100)
    assert [sum(report.settled.values()) for report in reports].count(0) == 2


async def test_what_each_shard_might_send_is_held_when_it_is_too_much_of_all(
    world_of: OpenWorld,
) -> None:
    """Of fewer than 50 users any number may be due."""
    these = some_due(world_of, range(90), 120)
    await these.run()
    assert these.sender.mails == []
    (hold,) = these.holds
    assert hold.said.startswith("90 new notices at once for 120 users")


async def test_what_is_too_much_of_one_shard_is_sent_when_it_is_not_of_all(
    world_of: OpenWorld,
) -> None:
    these = some_due(world_of, range(60), 300)
    await these.run()
    assert (len(these.sender.mails), these.holds) == (60, [])


async def test_the_most_mails_of_a_run_are_those_of_all_shards(world_of: OpenWorld) -> None:
    these = some_due(world_of, range(30), 300)
    await these.run(most=10)
    assert len(these.sender.mails) == 10


async def test_the_report_says_who_sends(
    world_of: OpenWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    these = some_due(world_of, range(3), 30)
    for number in range(3):
        await these.read(number)
    early, _, all_, late = [line for line in caplog.messages if "users read" in line]
    assert early == (
        "10 users read, 3 due, 3 new notices; the shard that is the last to read its users sends"
    )
    assert all_ == "all 3 shards together: 30 users read, 3 due, 3 new notices"
    assert late == "10 users read, 0 due, 0 new notices, 3 SENT; 0 to be sent"


# --- Lost, stopped and repeated


async def test_who_waits_for_a_lost_shard_is_mailed_with_the_next_run(world_of: OpenWorld) -> None:
    these = some_due(world_of, range(30), 300)
    await these.read(0)
    await these.read(2)
    assert these.sender.mails == []
    await these.run(hour=1)
    assert (len(these.sender.mails), len(set(these.sender.recipients))) == (30, 30)
    assert these.last.made == 30


async def test_what_is_too_much_of_two_runs_is_held_where_a_shard_of_one_was_lost(
    world_of: OpenWorld,
) -> None:
    these = some_due(world_of, range(90), 120)
    await these.read(0)
    await these.read(1)
    await these.run(hour=1)
    assert these.sender.mails == []
    assert these.holds[0].made == 90


async def test_a_shard_that_is_told_to_stop_has_not_read_its_users(world_of: OpenWorld) -> None:
    these, draining = some_due(world_of, range(30), 300), threading.Event()
    draining.set()
    await these.read(0)
    await these.read(1, draining=draining)
    await these.read(2)
    assert these.sender.mails == []
    await these.read(1)
    assert len(these.sender.mails) == 30


async def test_a_shard_that_is_repeated_changes_nothing(world_of: OpenWorld) -> None:
    these = some_due(world_of, range(30), 300)
    await these.read(0)
    await these.read(0)
    await these.read(1)
    await these.read(2)
    for number in range(3):
        await these.read(number)
    assert (len(these.sender.mails), len(set(these.sender.recipients))) == (30, 30)
    assert (these.last.users, these.holds) == (300, [])


# --- Rows that come and go meanwhile


async def test_users_who_are_new_meanwhile_are_found_by_the_shards_that_read_later(
    fleet: Fleet,
) -> None:
    await fleet.read(1)
    new = [*range(1, 5_000, 5), *range(10_001, 15_000, 5), 99_999]  # More than many a page has.
    insert(fleet.url, new)
    await fleet.read(2)
    await fleet.read(0)
    assert (fleet.last.users, fleet.last.made) == (1_500 + len(new), len(new))


async def test_a_bound_whose_user_is_gone_is_one_still(fleet: Fleet) -> None:
    await fleet.read(0)
    execute(fleet.url, "DELETE FROM users WHERE id IN (5000, 10000)")
    await fleet.read(1)
    await fleet.read(2)
    assert fleet.last.users == 500 + 499 + 500


async def test_of_many_that_end_at_once_exactly_one_is_the_last(fleet: Fleet) -> None:
    shards = 8
    for hour in range(10):
        fire_time = NOW + timedelta(hours=hour)
        runs = [fleet.records.begin(fire_time, Shard(n, shards)) for n in range(shards)]
        ends = (
            asyncio.to_thread(fleet.records.end, run, Scan(10, 1, {}), Canary()) for run in runs
        )
        wholes = [whole for whole in await asyncio.gather(*ends) if whole]
        assert [whole.users for whole in wholes] == [80]


async def test_of_many_that_cut_at_once_all_cut_at_the_same(fleet: Fleet) -> None:
    runs = [fleet.records.begin(NOW, Shard(n, 8)) for n in range(8)]
    cuts = (asyncio.to_thread(fleet.records.agree, run, [f"int:{run}"]) for run in runs)
    assert len({tuple(each) for each in await asyncio.gather(*cuts)}) == 1


# --- By the settings


async def test_the_job_has_as_many_shards_as_the_settings_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USERS_SHARDS", "4")
    scheduler = Scheduler("memory:")
    application = register(scheduler, load_settings())
    async with scheduler:
        await application.prepare()
        await scheduler.trigger(JOB)
        ended: list[RunInfo] = []
        while not ended:
            await asyncio.to_thread(threading.Event().wait, 0.02)
            runs = await scheduler.runs(JOB)
            ended = [run for run in runs if run.ended_at and run.shard is None]
        page = await application.page()
    await application.close()
    assert (ended[0].shards, ended[0].outcome) == (4, "succeeded")
    assert (page.counts["SENT"], page.runs[0].users, len(page.runs)) == (40, 200, 1)


def test_a_directory_cannot_be_read_in_parts() -> None:
    settings = Settings(
        users_ldap_url="ldaps://ldap.example.com",
        users_ldap_base="dc=example,dc=com",
        notices_database_url=SecretStr("sqlite:///notices.db"),
        users_shards=2,
    )
    with pytest.raises(ConfigurationError, match=r"^USERS_SHARDS: a directory cannot be read"):
        register(Scheduler("memory:"), settings)


@pytest.mark.parametrize("given", ["0", "65", "2.5", "some"])
def test_a_number_of_shards_that_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("USERS_SHARDS", given)
    with pytest.raises(ConfigurationError, match=r"^USERS_SHARDS.*a whole number from 1 to 64"):
        load_settings()


# --- Real processes


@pytest.mark.fleet
@pytest.mark.timeout(120)
def test_three_instances_share_a_run_and_mail_each_user_once(tmp_path: Path) -> None:
    with ExitStack() as stack:
        instances = [stack.enter_context(Process(tmp_path, USERS_SHARDS="4")) for _ in range(3)]
        for instance in instances:
            instance.until("next fire time")
        ticks: list[dict[str, object]] = []
        while len(ticks) < len(instances):
            runs = instances[0].ask("/api/v1/jobs/password-expiry/runs").json()["runs"]
            ticks = [run for run in runs if run["outcome"] and run["shard"] is None]
        assert {tick["outcome"] for tick in ticks} == {"succeeded"}
        assert {tick["shards"] for tick in ticks} == {4}
    assert (len(mailed(tmp_path)), len(set(mailed(tmp_path)))) == (40, 40)
