from __future__ import annotations

import asyncio
import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest

from cronfleet import ConfigurationError, RunContext, Scheduler
from cronfleet.apps.mailing.sending import SenderRefusedError, SenderUnavailableError
from cronfleet.apps.password_expiry import DELIVERY_JOB, JOB, PasswordExpiry, register
from cronfleet.apps.password_expiry.databases.files import private_file
from cronfleet.apps.password_expiry.outbox.moves import PutOff, Write
from cronfleet.apps.password_expiry.outbox.values import Wanted
from cronfleet.config import load_settings
from tests.apps.outboxes import let_pass, swap_outbox
from tests.apps.worlds import Recorder, make_users, row

Set = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(name="set_")
def _set(monkeypatch: pytest.MonkeyPatch) -> Set:
    return monkeypatch.setenv


@pytest.fixture
def real_users(tmp_path: Path, set_: Set) -> Path:
    """A database of three users who are due, set as the users' own."""
    file = tmp_path / "company.db"
    make_users(file, [row(number) for number in (1, 2, 3)])
    set_("USERS_DATABASE_URL", f"sqlite:///{file}")
    return file


@asynccontextmanager
async def application(scheduler: Scheduler | None = None) -> AsyncGenerator[PasswordExpiry]:
    made = register(scheduler or Scheduler("memory:"), load_settings())
    try:
        yield made
    finally:
        await made.close()


def context(token: int = 1) -> RunContext:
    return RunContext(
        job=JOB,
        kind="manual",
        fire_time=datetime.now(UTC),
        args={},
        attempt=1,
        token=token,
        run_id=f"{JOB}@0",
        deadline=None,
        lost=threading.Event(),
        log=logging.LoggerAdapter(logging.getLogger("test.password_expiry"), {}),
    )


def recipients(folder: Path = Path("var/mailbox")) -> list[str]:
    return sorted(
        "".join(str(message_from_bytes(file.read_bytes())["To"]).split())
        for file in folder.glob("*.eml")
    )


def kept() -> list[Path]:
    return [Path("var"), *Path("var").rglob("*")]


async def test_on_a_bare_machine_each_expired_sample_user_has_one_mail_after_many_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for days in ("90", "90", "91", "89"):
        monkeypatch.setenv("PASSWORD_MAX_AGE_DAYS", days)
        async with application(Scheduler("sqlite:///store.db")) as made:
            await made.run(context())
    assert len(recipients()) == len(set(recipients())) == 40


async def test_the_job_runs_in_a_scheduler(tmp_path: Path) -> None:
    scheduler = Scheduler("memory:")
    async with application(scheduler) as made, scheduler:
        await made.prepare()
        await scheduler.trigger(JOB)
        while not (await scheduler.runs(JOB))[0].ended_at:
            # Yielding alone would leave the job's threads no processor under coverage.
            await asyncio.to_thread(threading.Event().wait, 0.02)
        outcome = (await scheduler.runs(JOB))[0].outcome
    assert (outcome, len(recipients())) == ("succeeded", 40)


async def test_instances_that_begin_at_once_in_one_folder_mail_each_user_once() -> None:
    async with application() as anna, application() as ben, application() as carl:
        await asyncio.gather(*(each.prepare() for each in (anna, ben, carl)))
        outboxes = {each._parts.outbox.id for each in (anna, ben, carl) if each._parts}
        assert [len(id_) for id_ in outboxes] == [32]
        runs = (each.run(context(token)) for token, each in enumerate((anna, ben, carl)))
        await asyncio.gather(*runs)
        counts = (await anna.page()).counts
    assert (len(recipients()), counts["SENT"], sum(counts.values())) == (40, 40, 40)


async def test_the_page_shows_counts_notices_and_mails_as_text() -> None:
    async with application() as made:
        before = await made.page()
        await made.run(context())
        page = await made.page()
    assert (before.mails, sum(before.counts.values())) == ([], 0)
    assert (page.counts["SENT"], len(page.notices), len(page.mails)) == (40, 40, 40)
    assert any("<script>alert(1)</script>" in mail.text for mail in page.mails)
    assert page.is_dry is False


async def test_what_the_instance_keeps_is_for_this_user_alone() -> None:
    async with application() as made:
        await made.run(context())
    assert [path for path in kept() if path.stat().st_mode & 0o077] == []


async def test_the_demos_settings_alone_use_the_mailbox_and_say_so(set_: Set) -> None:
    set_("EMAIL_USER", "demo@gmail.com")
    set_("EMAIL_PASSWORD", "hunter2")
    async with application() as made:
        told = "\n".join(made.describe())
    assert "mails go to the mailbox folder var/mailbox" in told
    assert "NO MAIL LEAVES THIS MACHINE" in told
    assert "hunter2" not in told


def test_sample_users_are_never_mailed_by_a_real_sender(set_: Set) -> None:
    set_("EMAIL_USER", "demo@gmail.com")
    set_("EMAIL_PASSWORD", "hunter2")
    set_("MAIL_SENDER", "smtp")
    with pytest.raises(ConfigurationError, match=r"sample users are never mailed.*USERS_DATABASE_"):
        register(Scheduler("memory:"), load_settings())


def test_the_sample_is_the_sample_under_whatever_name(tmp_path: Path, set_: Set) -> None:
    make_users(private_file(tmp_path / "var" / "sample-users.db"), [])
    set_("USERS_DATABASE_URL", f"sqlite:///{tmp_path}/var/../var/sample-users.db?timeout=5")
    set_("MAIL_SENDER", "smtp")
    with pytest.raises(ConfigurationError, match="sample users are never mailed"):
        register(Scheduler("memory:"), load_settings())


@pytest.mark.usefixtures("real_users")
async def test_at_the_start_it_says_how_many_only_the_mailbox_had(set_: Set) -> None:
    async with application() as made:
        await made.run(context())
    set_("EMAIL_USER", "demo@corp.test")
    set_("EMAIL_PASSWORD", "hunter2")
    async with application() as made:
        await made.prepare()
        assert "3 notices are to be sent (again)" in made.describe()[2]


async def test_what_was_put_off_has_a_job_of_its_own_every_minute() -> None:
    scheduler = Scheduler("memory:")
    async with application(scheduler), scheduler:
        jobs = {job.name: job.schedule for job in await scheduler.jobs()}
    assert jobs == {JOB: "0 * * * *", DELIVERY_JOB: "every 0:01:00"}


class Closed(Recorder):
    """A sender that lets nobody in, for the reason given."""

    def __init__(self, why: Exception) -> None:
        super().__init__()
        self.asked = 0
        self._why = why

    async def ready(self) -> None:
        self.asked += 1
        raise self._why


@pytest.mark.usefixtures("real_users")
async def test_a_wrong_password_is_refused_at_the_start(set_: Set) -> None:
    set_("DRY_RUN", "false")
    async with application() as made:
        made._sender = Closed(SenderRefusedError("it refuses the login"))
        with pytest.raises(ConfigurationError, match="it refuses the login"):
            await made.prepare()


@pytest.mark.usefixtures("real_users")
async def test_a_sender_that_is_away_at_the_start_is_a_warning(
    set_: Set, caplog: pytest.LogCaptureFixture
) -> None:
    set_("DRY_RUN", "false")
    async with application() as made:
        made._sender = Closed(SenderUnavailableError("no route to host"))
        await made.prepare()
    assert "no route to host; until then, mails wait" in caplog.text


@pytest.mark.usefixtures("real_users")
async def test_a_dry_run_logs_in_nowhere(set_: Set) -> None:
    set_("DRY_RUN", "true")
    async with application() as made:
        made._sender = sender = Closed(SenderRefusedError("it refuses the login"))
        await made.prepare()
    assert sender.asked == 0


@pytest.mark.usefixtures("real_users")
async def test_a_sender_that_is_away_is_not_knocked_at_every_minute(set_: Set) -> None:
    for name, value in {"EMAIL_USER": "demo@corp.test", "EMAIL_PASSWORD": "hunter2"}.items():
        set_(name, value)
    set_("DRY_RUN", "false")
    tries: list[int] = []

    class Away(Recorder):
        async def ready(self) -> None:
            tries.append(1)
            raise SenderUnavailableError("wrong password")

    async with application() as made:
        made._sender = Away()
        await made.prepare()
        assert made._parts
        outbox = made._parts.outbox
        with pytest.raises(SenderUnavailableError):
            await made.run(context())
        (lease,) = outbox.exchange([], Wanted(1)).leases
        outbox.exchange([Write(lease, PutOff("451 not now"))])
        let_pass(outbox, timedelta(minutes=1))
        with pytest.raises(SenderUnavailableError):
            await made.deliver(context())
        before = len(tries)
        await made.deliver(context())
    assert len(tries) == before


@pytest.mark.usefixtures("real_users")
async def test_real_users_and_a_real_sender_are_dry_until_told_otherwise(set_: Set) -> None:
    set_("EMAIL_USER", "demo@gmail.com")
    set_("EMAIL_PASSWORD", "hunter2")
    async with application() as made:
        await made.prepare()
        assert await made.is_dry()
        assert "cronfleet password-expiry approve (or DRY_RUN=false)" in made.describe()[-1]
        await made.run(context())
        assert (await made.page()).counts["PENDING"] == 3
    set_("DRY_RUN", "false")
    async with application() as made:
        assert not await made.is_dry()


@pytest.mark.usefixtures("real_users")
async def test_real_users_and_the_mailbox_need_no_permission() -> None:
    async with application() as made:
        assert not await made.is_dry()
        await made.run(context())
    assert len(recipients()) == 3


@pytest.mark.usefixtures("real_users")
@pytest.mark.parametrize("sender", ["", "mailbox"])
async def test_real_users_without_a_sender_are_told_that_no_mail_reaches_them(
    set_: Set, sender: str
) -> None:
    set_("MAIL_SENDER", sender)
    async with application() as made:
        assert ("NO MAIL REACHES ANYONE" in "".join(made.describe())) is (sender == "")


@pytest.mark.parametrize("half", ["EMAIL_USER", "EMAIL_PASSWORD"])
@pytest.mark.parametrize("sender", ["", "smtp"])
@pytest.mark.usefixtures("real_users")
def test_half_a_login_is_refused(set_: Set, half: str, sender: str) -> None:
    set_(half, "it@example.com")
    set_("MAIL_SENDER", sender)
    with pytest.raises(ConfigurationError, match="set both, or neither"):
        register(Scheduler("memory:"), load_settings())
    set_("MAIL_SENDER", "mailbox")
    register(Scheduler("memory:"), load_settings())


def test_half_a_login_is_refused_for_sample_users_too(set_: Set) -> None:
    set_("EMAIL_USER", "it@example.com")
    with pytest.raises(ConfigurationError, match="set both, or neither"):
        register(Scheduler("memory:"), load_settings())


@pytest.mark.usefixtures("real_users")
@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"MAIL_SENDER": "smtp"}, "EMAIL_FROM: set it"),
        ({"MAIL_SENDER": "smtp", "EMAIL_USER": "it@example.com"}, "set both, or neither"),
        ({"EMAIL_FROM": "nobody"}, "EMAIL_FROM 'nobody'"),
    ],
)
def test_a_sender_that_cannot_work_is_refused_at_the_start(
    settings: dict[str, str], complaint: str, set_: Set
) -> None:
    for name, value in settings.items():
        set_(name, value)
    with pytest.raises(ConfigurationError, match=complaint):
        register(Scheduler("memory:"), load_settings())


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("USERS_TABLE", "people", "no table 'people'; it has .*users"),
        ("USERS_NAME_COLUMN", "nick", "no column 'nick'; it has email, id, name, password_"),
        ("USERS_PASSWORD_EXPIRES_COLUMN", "until", "no column 'until'"),
    ],
)
@pytest.mark.usefixtures("real_users")
async def test_a_table_or_column_that_is_not_there_is_refused_at_the_start(
    name: str, value: str, complaint: str, set_: Set
) -> None:
    set_(name, value)
    async with application() as made:
        with pytest.raises(ConfigurationError, match=complaint):
            await made.prepare()


async def test_a_database_that_is_none_is_refused_at_the_start(tmp_path: Path, set_: Set) -> None:
    file = tmp_path / "company.db"
    file.write_text("not a database, but as long as the head of one would be" * 20)
    set_("USERS_DATABASE_URL", f"sqlite:///{file}")
    async with application() as made:
        with pytest.raises(ConfigurationError, match=r"^USERS_DATABASE_URL .*not a database$"):
            await made.prepare()


async def test_a_folder_that_cannot_be_made_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    with pytest.raises(ConfigurationError, match=r"cannot be made.*CRONFLEET_DATA_DIR"):
        async with application():
            pass


def test_without_its_packages_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; import cronfleet.apps.password_expiry"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert "pip install 'cronfleet[password-expiry]'" in ended.stderr


async def test_a_stored_expiry_is_taken_as_it_is(real_users: Path, set_: Set) -> None:
    with closing(sqlite3.connect(real_users)) as connection, connection:
        connection.execute("ALTER TABLE users ADD COLUMN valid_until")
        connection.execute("UPDATE users SET valid_until = '2026-01-01' WHERE id = 2")
    set_("USERS_PASSWORD_EXPIRES_COLUMN", "valid_until")
    async with application() as made:
        await made.run(context())
    assert recipients() == ["user2@corp.test"]


async def test_a_back_fill_tells_users_what_is_due_now_and_nothing_of_the_past(
    real_users: Path, set_: Set
) -> None:
    """Each password expired five days ago: seven days before that, a reminder was due."""
    now = datetime.now(UTC)
    with closing(sqlite3.connect(real_users)) as connection, connection:
        changed = (now - timedelta(days=95)).isoformat()
        connection.execute("UPDATE users SET password_changed_at = ?", [changed])
    set_("REMIND_DAYS_BEFORE", "14,7,3,1")
    async with application() as made:
        for days in (12, 8, 1):
            past = replace(context(), kind="backfill", fire_time=now - timedelta(days=days))
            await made.run(past)
        found = await made.recent(10, None, None)
    assert {notice.threshold for notice in found} == {"expired"}
    assert len(recipients()) == 3


async def test_the_outbox_may_stand_in_a_database_of_its_own(
    real_users: Path, tmp_path: Path, set_: Set
) -> None:
    set_("NOTICES_DATABASE_URL", f"sqlite:///{tmp_path / 'own' / 'notices.db'}")
    before = _content(real_users)
    async with application() as made:
        await made.run(context())
    assert len(recipients()) == 3
    assert _content(real_users) == before
    assert _mode(tmp_path / "own" / "notices.db") == 0o600


@pytest.mark.usefixtures("real_users")
@pytest.mark.parametrize(
    ("url", "files"),
    [("sqlite:///own.db?timeout=5", {"own.db"}), ("sqlite:///:memory:", set[str]())],
)
async def test_a_url_makes_the_file_that_it_names_and_no_other(
    tmp_path: Path, set_: Set, url: str, files: set[str]
) -> None:
    set_("NOTICES_DATABASE_URL", url)
    async with application() as made:
        with suppress(ConfigurationError):
            await made.prepare()
    assert _names(tmp_path) - {"company.db", "var"} == files


def _names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def _content(file: Path) -> bytes:
    return file.read_bytes()


def _mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


@pytest.mark.usefixtures("real_users")
async def test_another_outbox_than_the_fleets_sends_nothing(tmp_path: Path, set_: Set) -> None:
    scheduler = "sqlite:///store.db"
    async with application(Scheduler(scheduler)) as made:
        await made.prepare()
    set_("NOTICES_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    async with application(Scheduler(scheduler)) as other:
        with pytest.raises(ConfigurationError, match=r"nothing is sent.*Set NOTICES_DATABASE_URL"):
            await other.run(context())
    assert recipients() == []


@pytest.mark.usefixtures("real_users")
async def test_another_outbox_is_taken_on_purpose_with_another_fleet(
    tmp_path: Path, set_: Set
) -> None:
    async with application(Scheduler("sqlite:///store.db")) as made:
        await made.prepare()
    set_("NOTICES_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    async with application(Scheduler("sqlite:///store.db")) as other:
        with pytest.raises(ConfigurationError, match="give them another CRONFLEET_FLEET"):
            await other.prepare()
    async with application(Scheduler("sqlite:///store.db", fleet="other")) as other:
        await other.run(context())
    assert len(recipients()) == 3


@pytest.mark.parametrize("names_the_sample", [False, True])
async def test_made_up_users_are_kept_from_the_notices_of_real_ones(
    tmp_path: Path, set_: Set, *, names_the_sample: bool
) -> None:
    """As where one instance has lost the setting that names the users."""
    if names_the_sample:
        async with application() as demo:
            await demo.prepare()
        set_("USERS_DATABASE_URL", f"sqlite:///{tmp_path / 'var' / 'sample-users.db'}")
    set_("NOTICES_DATABASE_URL", f"sqlite:///{tmp_path / 'notices.db'}")
    with pytest.raises(ConfigurationError, match="Set USERS_DATABASE_URL to your users"):
        register(Scheduler("memory:"), load_settings())
    assert not (tmp_path / "notices.db").exists()


async def test_after_the_demo_come_real_users(tmp_path: Path, set_: Set) -> None:
    async with application(Scheduler("sqlite:///store.db")) as demo:
        await demo.run(context())
    make_users(tmp_path / "company.db", [row(1)])
    set_("USERS_DATABASE_URL", f"sqlite:///{tmp_path / 'company.db'}")
    async with application(Scheduler("sqlite:///store.db")) as made:
        await made.run(context())
    assert len(recipients()) == 40 + 1


async def test_each_data_folder_has_a_sample_of_its_own(set_: Set) -> None:
    for folder in ("anna", "ben"):
        set_("CRONFLEET_DATA_DIR", folder)
        async with application(Scheduler("sqlite:///store.db")) as made:
            await made.run(context())
        assert len(recipients(Path(folder) / "mailbox")) == 40


async def test_an_outbox_swapped_while_it_works_sends_nothing(real_users: Path) -> None:
    async with application() as made:
        await made.prepare()
        swap_outbox(real_users)
        with pytest.raises(ConfigurationError, match="nothing is sent"):
            await made.run(context())
    assert recipients() == []


async def test_notices_that_are_parked_are_something_to_tell(real_users: Path) -> None:
    async with application() as made:
        await made.prepare()
        assert await made.conditions() == []
        await made.run(context())
        with closing(sqlite3.connect(real_users)) as connection, connection:
            connection.execute(
                "UPDATE password_notices SET state = 'UNCERTAIN' WHERE id = (SELECT min(id) FROM password_notices)"
            )
        (parked,) = await made.conditions()
    assert parked.title == "notices are parked"
    assert parked.said.startswith("Notices that are UNCERTAIN: 1.")
