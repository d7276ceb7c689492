"""What Amazon SES is told, and what its answers mean."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest

from cronfleet.apps.mailing.aws_signature import AwsCredentials, AwsRequest, AwsScope, signed
from cronfleet.apps.mailing.sending import Answer, SenderUnavailableError, SendResult
from cronfleet.apps.mailing.ses import Ses, SesSender
from tests.apps.mail_services import KEY, KINDS, SECRET, TOKEN, MailService, Told, mail_service, ses
from tests.apps.sending import HandOff, mail

AT = datetime(2026, 4, 1, 12, tzinfo=UTC)
CREDENTIALS = AwsCredentials(KEY, SECRET, TOKEN)


@pytest.fixture
async def service() -> AsyncGenerator[MailService]:
    async with mail_service(KINDS[0].service()) as service:
        yield service


async def send(service: MailService) -> SendResult:
    sender = ses(service)
    try:
        return await sender.send(mail(), HandOff())
    finally:
        await sender.close()


async def test_the_mail_goes_as_it_was_written_to_its_one_recipient(service: MailService) -> None:
    await send(service)
    (asked,) = service.asked
    raw = base64.b64encode(mail().content).decode()
    assert (asked.method, asked.path) == ("POST", "/v2/email/outbound-emails")
    assert asked.document == {
        "FromEmailAddress": "it@example.com",
        "Destination": {"ToAddresses": ["anna@example.com"]},
        "Content": {"Raw": {"Data": raw}},
    }


async def test_the_request_bears_the_signature_of_what_arrives(service: MailService) -> None:
    sender = SesSender(Ses("eu-west-1", CREDENTIALS, service.url), now=lambda: AT)
    await sender.send(mail(), HandOff())
    await sender.close()
    (asked,) = service.asked
    headers = {"Content-Type": asked.headers["content-type"]}
    request = AwsRequest("POST", service.url + asked.path, headers, asked.body)
    expected = signed(request, CREDENTIALS, AwsScope("eu-west-1", "ses"), AT)
    assert {name.lower(): value for name, value in expected.items()}.items() <= (
        asked.headers.items()
    )


def test_without_another_endpoint_it_is_the_regions_own() -> None:
    assert Ses("eu-central-1", CREDENTIALS).url == "https://email.eu-central-1.amazonaws.com"
    assert SesSender(Ses("eu-central-1", CREDENTIALS)).describe() == "Amazon SES in eu-central-1"


@pytest.mark.parametrize(
    ("status", "code", "message", "answer"),
    [
        (400, "MessageRejected", "it contains a virus", Answer.REFUSED),
        (400, "BadRequestException", "Illegal address", Answer.REFUSED),
        (400, "ValidationException", "the domain is malformed", Answer.REFUSED),
        (413, "", "", Answer.REFUSED),
        (400, "AccountSuspendedException", "", Answer.NOBODY),
        (400, "SendingPausedException", "", Answer.NOBODY),
        (400, "MailFromDomainNotVerifiedException", "", Answer.NOBODY),
        (400, "LimitExceededException", "", Answer.NOBODY),
        (429, "TooManyRequestsException", "Daily message quota exceeded.", Answer.NOBODY),
        (400, "ThrottlingException", "Daily message quota exceeded.", Answer.NOBODY),
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", Answer.LATER),
        (400, "ThrottlingException", "Maximum sending rate exceeded.", Answer.LATER),
        (400, "MessageRejected", "Email address is not verified: it@example.com", Answer.NOBODY),
        (400, "MessageRejected", "Address is not verified: ANNA@example.com", Answer.REFUSED),
        (403, "AccessDeniedException", "not authorized to ses:SendEmail", Answer.NOBODY),
        (403, "UnrecognizedClientException", "invalid token", Answer.NOBODY),
        (404, "NotFoundException", "", Answer.NOBODY),
        (400, "SomethingNew", "", Answer.LATER),
        (503, "ServiceUnavailable", "", Answer.LATER),
        (500, "InternalFailure", "", Answer.UNKNOWN),
        (200, "", "", Answer.UNKNOWN),  # Without an id, whoever answered was not SES.
        (204, "", "", Answer.UNKNOWN),
    ],
)
@pytest.mark.parametrize("is_in_header", [False, True])
async def test_what_an_answer_means(
    service: MailService,
    status: int,
    code: str,
    message: str,
    answer: Answer,
    *,
    is_in_header: bool,
) -> None:
    headers = {"x-amzn-ErrorType": f"{code}:http://internal.amazon.com/"} if is_in_header else {}
    document = {"message": message} | ({} if is_in_header else {"__type": f"com.amazon#{code}"})
    service.mail = Told(status, document, headers)
    result = await send(service)
    assert (result.answer, code in result.said) == (answer, True)


@pytest.mark.parametrize("document", [None, [], {"message": 1}, {"MessageId": 2}, "x"])
async def test_an_answer_that_is_none_of_its_own_is_no_error(
    service: MailService, document: object
) -> None:
    service.mail = service.account = Told(200, document)
    assert (await send(service)).answer is Answer.UNKNOWN
    await ses(service).check()


async def test_of_a_wrong_signature_the_request_is_not_repeated(service: MailService) -> None:
    told = "The signature does not match.\n\nThe canonical string should have been x-amz-date"
    service.mail = Told(403, {"message": told}, {"x-amzn-ErrorType": "SignatureDoesNotMatch"})
    said = (await send(service)).said
    assert said == "403 SignatureDoesNotMatch: The signature does not match."


@pytest.mark.parametrize(
    ("account", "told"),
    [
        ({"SendingEnabled": False}, "paused"),
        ({"EnforcementStatus": "SHUTDOWN"}, "shut down"),
        ({"SendQuota": {"Max24HourSend": 200.0, "SentLast24Hours": 200.0}}, "quota of a day"),
    ],
)
async def test_an_account_that_may_not_send_is_found_before_any_mail(
    service: MailService, account: object, told: str
) -> None:
    service.account = Told(200, account)
    with pytest.raises(SenderUnavailableError, match=told):
        await ses(service).check()
    assert service.mails == []


@pytest.mark.parametrize(
    "account",
    [
        Told(200, {"SendQuota": {"Max24HourSend": -1.0, "SentLast24Hours": 9.0}}),  # no limit
        Told(403, {"__type": "AccessDeniedException"}),  # It may send, and nothing else.
        Told(429, {"__type": "TooManyRequestsException"}),
        Told(404),
    ],
)
async def test_who_may_not_ask_may_send_all_the_same(service: MailService, account: Told) -> None:
    service.account = account
    await ses(service).check()
