"""Messages through real servers: by mail, to a webhook, and in the shape of Slack's."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from ipaddress import ip_network

import pytest
import trustme

from cronfleet.apps.alerting import Condition, Message, NotToldError
from cronfleet.apps.alerting.channels import web as web_channel
from cronfleet.apps.alerting.channels.mail import MailChannel
from cronfleet.apps.alerting.channels.web import WebChannel, for_programs, for_slack
from cronfleet.apps.alerting.memory import News
from cronfleet.apps.guarded_http import calling
from cronfleet.apps.mailing.smtp import SmtpSender
from tests.apps.job_file.web import Conversation, Web, a_web
from tests.apps.mail_server import DROP, MailServer
from tests.unit.apps.alerting.fleets import NOW

LOOPBACK = [ip_network("127.0.0.1")]
SECRET = "a-canary"


def message(title: str = "report failed", said: str = "no ink") -> Message:
    return Message("7-1", "default", NOW, News([Condition(title, said)], []))


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server for https://localhost, whose authority is trusted."""
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(ours)  # pyright: ignore[reportUnknownMemberType] - also takes an untyped context
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)  # pyright: ignore[reportUnknownMemberType] - the same
    monkeypatch.setattr(calling, "_tls", lambda: theirs)
    with a_web(ours) as web:
        yield web


def hook(web: Web, path: str = "/hook", secret: str = SECRET) -> WebChannel:
    url = web.url(path, "localhost", "https")
    return WebChannel("webhook", url, for_programs, secret=secret, networks=LOOPBACK)


# --- mail


async def test_each_recipient_gets_a_mail(server: MailServer) -> None:
    channel = MailChannel(
        SmtpSender(server.client()), "it@example.com", ["anna@example.com", "ben@example.com"]
    )
    await channel.send(message())
    assert server.recipients == ["anna@example.com", "ben@example.com"]
    mail = message_from_bytes(server.mails[0][2], policy=policy.default)
    assert mail["Subject"] == "[cronfleet default] report failed"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().splitlines() == ["report failed", "no ink"]


async def test_no_title_gets_into_the_headers(server: MailServer) -> None:
    channel = MailChannel(SmtpSender(server.client()), "it@example.com", ["anna@example.com"])
    await channel.send(message("x\r\nBcc: eve@example.com\r\n\r\nhello\x1b[31m"))
    mail = message_from_bytes(server.mails[0][2], policy=policy.default)
    assert mail["Bcc"] is None
    assert server.recipients == ["anna@example.com"]


async def test_one_recipient_who_hears_it_is_enough(server: MailServer) -> None:
    server.at("RCPT", "550 no such user")
    channel = MailChannel(
        SmtpSender(server.client()), "it@example.com", ["gone@example.com", "ben@example.com"]
    )
    await channel.send(message())
    assert server.recipients == ["ben@example.com"]


@pytest.mark.parametrize("act", ["451 not now", "550 no such user", DROP])
async def test_what_nobody_took_is_told_again(server: MailServer, act: object) -> None:
    server.at("RCPT", act)  # pyright: ignore[reportArgumentType] - an answer, or what it does
    channel = MailChannel(SmtpSender(server.client()), "it@example.com", ["anna@example.com"])
    with pytest.raises(NotToldError, match="took no alert"):
        await channel.send(message())


async def test_a_wrong_password_is_told_in_words(server: MailServer) -> None:
    sender = SmtpSender(server.client(password="wrong"))
    with pytest.raises(NotToldError, match="refuses the login"):
        await MailChannel(sender, "it@example.com", ["anna@example.com"]).send(message())


# --- webhook


async def test_a_webhook_gets_the_document_signed(web: Web) -> None:
    await hook(web).send(message())
    (asked,) = web.asked
    assert (asked.method, asked.path, asked.headers["host"]) == (
        "POST",
        "/hook",
        f"localhost:{web.port}",
    )
    assert json.loads(asked.body)["begun"][0]["title"] == "report failed"
    assert asked.headers["idempotency-key"] == "7-1"
    at, _, signed = asked.headers["cronfleet-signature"].partition(",")
    expected = hmac.new(SECRET.encode(), f"{at[2:]}.{asked.body}".encode(), hashlib.sha256)
    assert signed == f"v1={expected.hexdigest()}"


async def test_without_a_secret_nothing_is_signed(web: Web) -> None:
    await hook(web, secret="").send(message())
    assert "cronfleet-signature" not in web.asked[0].headers


async def test_a_redirect_is_not_followed(web: Web) -> None:
    elsewhere = web.url("/elsewhere", "localhost", "https")
    web.answer = lambda asked: asked.say(307, Location=elsewhere)
    with pytest.raises(NotToldError, match="it answered 307"):
        await hook(web).send(message())
    assert [asked.path for asked in web.asked] == ["/hook"]


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_another_answer_than_2xx_is_no_success(web: Web, status: int) -> None:
    web.answer = lambda asked: asked.say(status, "no")
    with pytest.raises(NotToldError, match=f"it answered {status}"):
        await hook(web).send(message())


async def test_an_address_that_is_not_public_is_not_asked(web: Web) -> None:
    url = web.url("/hook", "localhost", "https")
    channel = WebChannel("webhook", url, for_programs)
    with pytest.raises(NotToldError, match="ALERT_ALLOW_NETWORKS"):
        await channel.send(message())
    assert web.asked == []


async def test_no_proxy_of_the_environment_is_asked(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await hook(web).send(message())
    assert len(web.asked) == 1


async def test_who_says_nothing_is_not_waited_for(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_channel, "TIMEOUT_S", 0.2)
    is_over = threading.Event()

    def say_nothing(asked: Conversation) -> None:
        is_over.wait(20)
        asked.hang_up()

    web.answer = say_nothing
    with pytest.raises(NotToldError, match="no answer within"):
        await hook(web).send(message())
    is_over.set()


async def test_a_secret_in_the_url_is_told_to_nobody(web: Web) -> None:
    web.answer = lambda asked: asked.say(500)
    channel = hook(web, "/T0/a-canary")
    with pytest.raises(NotToldError) as error:
        await channel.send(message())
    assert "canary" not in str(error.value) + channel.describe()


# --- Slack


async def test_slack_gets_a_text_in_which_nobody_is_called(web: Web) -> None:
    url = web.url("/services/x", "localhost", "https")
    channel = WebChannel("slack", url, for_slack, networks=LOOPBACK)
    await channel.send(message(said="<!channel> <http://evil|x> & more"))
    assert json.loads(web.asked[0].body) == {
        "text": "*[cronfleet default] report failed*\nreport failed\n"
        "&lt;!channel&gt; &lt;http://evil|x&gt; &amp; more\n"
    }
