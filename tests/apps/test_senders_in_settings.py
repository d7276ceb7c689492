"""Which senders the settings choose, and what is said of them at the start and by the doctor."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from cronfleet import Condition, Scheduler
from cronfleet.apps.mailing.in_order import SendersInOrder, each_of
from cronfleet.apps.password_expiry import PasswordExpiry, register
from cronfleet.apps.password_expiry.doctor import examine
from cronfleet.apps.password_expiry.making import sender_from
from cronfleet.config import load_settings
from cronfleet.errors import ConfigurationError
from tests.apps.mail_services import KEY, KINDS, SECRET, TOKEN, MailService, Told, mail_service
from tests.apps.worlds import make_users, row

Set = Callable[[str, str], None]
SES = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": TOKEN,
}


@pytest.fixture(autouse=True)
def real_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_users(tmp_path / "company.db", [row(1)])
    monkeypatch.setenv("USERS_DATABASE_URL", f"sqlite:///{tmp_path}/company.db")
    monkeypatch.setenv("EMAIL_FROM", "it@example.com")


@pytest.fixture(name="set_")
def _set(monkeypatch: pytest.MonkeyPatch) -> Set:
    return monkeypatch.setenv


@pytest.fixture
async def amazon() -> AsyncGenerator[MailService]:
    async with mail_service(KINDS[0].service()) as service:
        yield service


@pytest.fixture
async def sendgrid() -> AsyncGenerator[MailService]:
    async with mail_service(KINDS[1].service()) as service:
        yield service


def choose(set_: Set, senders: str, *services: MailService) -> None:
    """With all that they need, on these services."""
    for name, value in {**SES, "SENDGRID_API_KEY": SECRET, "DRY_RUN": "false"}.items():
        set_(name, value)
    for name, service in zip(("SES_ENDPOINT_URL", "SENDGRID_URL"), services, strict=False):
        set_(name, service.url)
    set_("MAIL_SENDER", senders)


async def started(application: PasswordExpiry) -> str:
    try:
        await application.prepare()
        return "\n".join(application.describe())
    finally:
        await application.close()


def application() -> PasswordExpiry:
    return register(Scheduler("memory:"), load_settings())


@pytest.mark.parametrize(
    ("senders", "told"),
    [
        ("ses", "Amazon SES in eu-west-1"),
        ("sendgrid", "SendGrid at api.sendgrid.com"),
        ("smtp", "the mail server smtp.gmail.com:587 (starttls)"),
        (
            "smtp, ses",
            "the mail server smtp.gmail.com:587 (starttls), or else Amazon SES in eu-west-1",
        ),
    ],
)
def test_mails_go_where_the_settings_say(set_: Set, senders: str, told: str) -> None:
    choose(set_, senders)
    sender = sender_from(load_settings(), is_sample=False)
    assert sender.describe() == told
    assert sender.name == senders.partition(",")[0]
    assert isinstance(sender, SendersInOrder) == ("," in senders)


@pytest.mark.parametrize(
    ("sender", "missing", "told"),
    [
        *(("ses", name, "set AWS_REGION, AWS_ACCESS_KEY_ID and") for name in list(SES)[:3]),
        ("sendgrid", "SENDGRID_API_KEY", "MAIL_SENDER 'sendgrid': set SENDGRID_API_KEY"),
        ("ses", "EMAIL_FROM", "EMAIL_FROM: set it"),
    ],
)
def test_what_a_sender_needs_is_said(set_: Set, sender: str, missing: str, told: str) -> None:
    choose(set_, sender)
    set_(missing, "")
    with pytest.raises(ConfigurationError, match=told):
        application()


def test_sample_users_are_mailed_by_none_of_them(set_: Set) -> None:
    choose(set_, "ses,sendgrid")
    set_("USERS_DATABASE_URL", "")
    with pytest.raises(ConfigurationError, match="'ses,sendgrid': sample users are never mailed"):
        application()


def test_an_address_to_send_from_needs_no_password_where_nobody_logs_in(set_: Set) -> None:
    choose(set_, "ses")
    set_("EMAIL_USER", "it@example.com")
    assert each_of(sender_from(load_settings(), is_sample=False))


async def test_the_start_says_of_each_whether_it_can_be_used(
    set_: Set, amazon: MailService, sendgrid: MailService, caplog: pytest.LogCaptureFixture
) -> None:
    choose(set_, "sendgrid,ses", amazon, sendgrid)
    sendgrid.account = Told(401)
    said = await started(application())
    assert f"mails go to SendGrid at localhost:{sendgrid.port}, which cannot be used now" in said
    assert "or else to Amazon SES in eu-west-1 at http://localhost:" in said
    assert said.count("which would take a mail") == 1
    assert "refuses the key" in caplog.text
    assert "mails go by another way" in caplog.text
    assert not [secret for secret in (SECRET, TOKEN) if secret in said + caplog.text]


async def test_when_all_refuse_us_it_does_not_start(
    set_: Set, amazon: MailService, sendgrid: MailService
) -> None:
    choose(set_, "sendgrid,ses", amazon, sendgrid)
    sendgrid.account = amazon.account = Told(401)
    with pytest.raises(ConfigurationError, match=r"refuses the key.*; .*refuses the credentials"):
        await started(application())


async def test_a_dry_run_asks_none_of_them(set_: Set, amazon: MailService) -> None:
    choose(set_, "ses", amazon)
    set_("DRY_RUN", "")
    said = await started(application())
    assert "mails go to Amazon SES in eu-west-1" in said
    assert (amazon.asked, "would take" in said) == ([], False)


async def test_the_doctor_looks_at_each(
    set_: Set, amazon: MailService, sendgrid: MailService
) -> None:
    choose(set_, "ses,sendgrid", amazon, sendgrid)
    sendgrid.account = Told(503)
    found = [each for each in await examine(load_settings()) if each.what == "mail"]
    assert [each.condition for each in found] == [Condition.WELL, Condition.WRONG]
    assert "Amazon SES" in found[0].said
    assert "SendGrid" in found[1].said
    assert amazon.mails == sendgrid.mails == []
