"""What SendGrid is told, by the shape that it documents, and what its answers mean."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, EmailStr, Field

from cronfleet.apps.mailing.sendgrid import SendGrid, SendGridSender, parts_of
from cronfleet.apps.mailing.sending import Answer, Mail, SenderRefusedError, SendResult
from tests.apps.mail_services import KINDS, SECRET, MailService, Told, mail_service, sendgrid
from tests.apps.sending import HandOff, mail

RESERVED = {
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
}


class Strict(BaseModel):
    """A part of the request: what is not documented is refused."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Person(Strict):
    email: EmailStr
    name: str | None = None


class Personalization(Strict):
    to: Annotated[list[Person], Field(min_length=1, max_length=1000)]


class Content(Strict):
    type: Literal["text/plain", "text/html"]
    value: Annotated[str, Field(min_length=1)]


class Attachment(Strict):
    content: Annotated[str, Field(pattern="^[A-Za-z0-9+/]*={0,2}$")]
    type: str
    filename: str
    disposition: Literal["inline", "attachment"]


class ClickTracking(Strict):
    enable: bool
    enable_text: bool


class OpenTracking(Strict):
    enable: bool


class Tracking(Strict):
    click_tracking: ClickTracking
    open_tracking: OpenTracking


class MailSend(Strict):
    """The body of POST /v3/mail/send, as far as it is used."""

    personalizations: Annotated[list[Personalization], Field(min_length=1)]
    from_: Annotated[Person, Field(alias="from")]
    reply_to: Person | None = None
    subject: Annotated[str, Field(min_length=1)]
    content: Annotated[list[Content], Field(min_length=1)]
    headers: dict[str, str]
    attachments: list[Attachment] | None = None
    tracking_settings: Tracking


def checked(document: object) -> MailSend:
    found = MailSend.model_validate(document)
    kinds = [content.type for content in found.content]
    assert kinds == sorted(kinds, reverse=True), "text comes before HTML"
    assert not RESERVED & {name.lower() for name in found.headers}
    return found


@pytest.fixture
async def service() -> AsyncGenerator[MailService]:
    async with mail_service(KINDS[1].service()) as service:
        yield service


async def send(service: MailService, this: Mail | None = None) -> SendResult:
    sender = sendgrid(service)
    try:
        return await sender.send(this or mail(), HandOff())
    finally:
        await sender.close()


def mail_of(message: EmailMessage) -> Mail:
    return replace(mail(), content=bytes(message))


def message() -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"] = Address(display_name="Ümit, IT", addr_spec="it@example.com")
    made["To"] = Address(addr_spec="anna@example.com")
    made["Subject"] = "Ihr Paßwort"
    made["Message-ID"] = "<1@example.com>"
    made.set_content("Guten Tag, Ängelika\n")
    return made


async def test_it_is_told_what_the_mail_says(service: MailService) -> None:
    await send(service)
    (asked,) = service.asked
    assert (asked.method, asked.path) == ("POST", "/v3/mail/send")
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.headers["content-type"] == "application/json"
    told = checked(asked.document)
    assert [person.email for person in told.personalizations[0].to] == ["anna@example.com"]
    assert (told.from_.email, told.subject) == ("it@example.com", "Your password has expired")
    assert [content.type for content in told.content] == ["text/plain", "text/html"]
    assert "Hello Anna," in told.content[0].value
    assert told.headers["Auto-Submitted"] == "auto-generated"
    assert told.headers["Message-ID"] == f"<{'0' * 32}@example.com>"
    assert not told.tracking_settings.click_tracking.enable


async def test_text_and_html_both_go_in_any_letters(service: MailService) -> None:
    made = message()
    made.add_alternative("<p>Guten Tag, Ängelika</p>\n", subtype="html")
    await send(service, mail_of(made))
    told = checked(service.asked[0].document)
    assert [content.type for content in told.content] == ["text/plain", "text/html"]
    assert all("Ängelika" in content.value for content in told.content)
    assert (told.from_.name, told.subject) == ("Ümit, IT", "Ihr Paßwort")


def test_a_table_that_is_attached_goes_with_it() -> None:
    made = message()
    made["Reply-To"] = Address(addr_spec="help@example.com")
    made.add_attachment(b"a,b\r\n", maintype="text", subtype="csv", filename="report.csv")
    told = checked(parts_of(mail_of(made)))
    assert told.attachments
    assert (told.attachments[0].filename, told.attachments[0].content) == ("report.csv", "YSxiDQo=")
    assert told.reply_to
    assert told.reply_to.email == "help@example.com"


def test_a_long_subject_is_told_on_one_line() -> None:
    made = message()
    del made["Subject"]
    made["Subject"] = "Ä" * 200
    assert checked(parts_of(mail_of(made))).subject == "Ä" * 200


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (202, Answer.ACCEPTED),
        (200, Answer.UNKNOWN),  # It says so of what it has only looked at.
        (400, Answer.REFUSED),
        (401, Answer.NOBODY),
        (403, Answer.NOBODY),
        (404, Answer.NOBODY),
        (413, Answer.REFUSED),
        (429, Answer.LATER),
        (500, Answer.LATER),
        (503, Answer.LATER),
        (418, Answer.LATER),
    ],
)
async def test_what_an_answer_means(service: MailService, status: int, answer: Answer) -> None:
    service.mail = Told(status, {"errors": [{"message": "so", "field": "from.email"}]})
    result = await send(service)
    assert result.answer is answer
    assert ("so (from.email)" in result.said) is (status != 202)


@pytest.mark.parametrize("document", [None, [], {"errors": []}, {"errors": [1]}, {"errors": "x"}])
async def test_an_answer_that_is_none_of_its_own_is_no_error(
    service: MailService, document: object
) -> None:
    service.mail = service.account = Told(400, document)
    assert (await send(service)).answer is Answer.REFUSED
    await sendgrid(service).check()


async def test_a_key_that_may_not_send_is_found_before_any_mail(service: MailService) -> None:
    service.account = Told(200, {"scopes": ["stats.read"]})
    with pytest.raises(SenderRefusedError, match=r"may not send mails; give it mail\.send"):
        await sendgrid(service).check()
    assert service.mails == []


def test_the_key_is_not_shown() -> None:
    server = SendGrid(SECRET, "https://api.eu.sendgrid.com/")
    assert SECRET not in repr(server)
    assert SendGridSender(server).describe() == "SendGrid at api.eu.sendgrid.com"
