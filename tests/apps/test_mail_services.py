"""What becomes of a mail that leaves over HTTP, wherever the connection ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator

import pytest
import trustme

from cronfleet.apps.mailing.sending import (
    Answer,
    SenderRefusedError,
    SenderUnavailableError,
    SendResult,
)
from tests.apps.mail_server import DROP, SILENCE, Act
from tests.apps.mail_services import (
    IMPATIENT,
    KINDS,
    QUICK,
    SECRET,
    TOKEN,
    Kind,
    MailService,
    Told,
    mail_service,
)
from tests.apps.sending import HandOff, mail
from tests.apps.worlds import OpenWorld, row

SECRETS = (SECRET, TOKEN)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
async def service(kind: Kind) -> AsyncGenerator[MailService]:
    async with mail_service(kind.service()) as service:
        yield service


async def send(
    kind: Kind, service: MailService, hand_off: HandOff, *, is_patient: bool = True
) -> SendResult:
    sender = kind.sender(service, QUICK if is_patient else IMPATIENT)
    try:
        return await sender.send(mail(), hand_off)
    finally:
        await sender.close()


async def test_a_mail_is_accepted_with_the_id_that_it_was_given(
    kind: Kind, service: MailService
) -> None:
    result = await send(kind, service, HandOff())
    assert result.answer is Answer.ACCEPTED
    assert result.said in ("200 0102-1", "202 14c5d75c")
    assert len(service.mails) == 1


async def test_the_hand_off_is_asked_once_when_the_head_has_gone_and_nothing_of_the_body(
    kind: Kind, service: MailService
) -> None:
    seen: list[int] = []

    class WhenItsHeadIsThere(HandOff):
        async def __call__(self, by: str | None = None, /) -> bool:
            await service.head.wait()
            return await super().__call__(by)

    hand_off = WhenItsHeadIsThere(lambda: seen.append(len(service.asked)))
    await send(kind, service, hand_off)
    assert (seen, hand_off.asked) == ([0], 1)


async def test_what_is_not_wanted_any_more_does_not_go(kind: Kind, service: MailService) -> None:
    result = await send(kind, service, HandOff(says=False))
    assert (result.answer, service.asked) == (Answer.NOT_WANTED, [])


async def test_a_hand_off_that_fails_sends_nothing(kind: Kind, service: MailService) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await send(kind, service, HandOff(fail))
    assert service.asked == []


@pytest.mark.parametrize("act", [DROP, SILENCE], ids=["dropped", "silent"])
@pytest.mark.parametrize("stage", ["HEAD", "BODY", "ANSWER"])
async def test_once_the_body_goes_no_answer_is_unknown(
    kind: Kind, service: MailService, stage: str, act: Act
) -> None:
    service.at(stage, act)
    hand_off = HandOff()
    result = await send(kind, service, hand_off, is_patient=act is DROP)
    assert (result.answer, hand_off.asked) == (Answer.UNKNOWN, 1)
    assert result.said.startswith("no answer to the mail: ")


async def test_a_server_that_never_lets_us_in_has_taken_nothing(
    kind: Kind, service: MailService
) -> None:
    service.at("CONNECT", SILENCE)
    trust = ssl.create_default_context()
    service.scheme = "https"  # Where a greeting is waited for.
    sender, hand_off = kind.sender(service, IMPATIENT, trust), HandOff()
    with pytest.raises(SenderUnavailableError, match="no answer"):
        await sender.send(mail(), hand_off)
    assert hand_off.asked == 0
    await sender.close()


@pytest.mark.parametrize(("status", "answer"), [(503, Answer.LATER), (403, Answer.NOBODY)])
async def test_an_answer_before_the_whole_body_was_read_is_an_answer(
    kind: Kind, service: MailService, status: int, answer: Answer
) -> None:
    service.at("HEAD", Told(status))
    assert (await send(kind, service, HandOff())).answer is answer


async def test_nobody_there_is_nothing_sent(kind: Kind, service: MailService) -> None:
    sender, hand_off = kind.sender(service), HandOff()
    service.port = 1
    away = kind.sender(service)
    with pytest.raises(SenderUnavailableError, match="cannot be used"):
        await away.send(mail(), hand_off)
    with pytest.raises(SenderUnavailableError, match="cannot be used"):
        await away.check()
    assert hand_off.asked == 0
    await sender.close()


async def test_a_cancellation_after_the_hand_off_is_told_as_what_it_is(
    kind: Kind, service: MailService
) -> None:
    service.at("BODY", SILENCE)
    gone = asyncio.Event()
    sending = asyncio.create_task(send(kind, service, HandOff(gone.set)))
    await gone.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_a_run_that_is_cancelled_before_the_answer_leaves_nothing_to_be_sent_again(
    kind: Kind, service: MailService, world_of: OpenWorld
) -> None:
    service.at("BODY", SILENCE)
    these = world_of(row(1))
    running = asyncio.create_task(these.run(kind.sender(service)))
    await service.body.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert these.states() == {"1": "UNCERTAIN"}


async def test_a_commit_may_take_longer_than_an_answer(kind: Kind, service: MailService) -> None:
    class Slow(HandOff):
        async def __call__(self, by: str | None = None, /) -> bool:
            await asyncio.sleep(2 * IMPATIENT.answer_s)
            return await super().__call__(by)

    assert (await send(kind, service, Slow(), is_patient=False)).answer is Answer.ACCEPTED


async def test_connections_are_kept_from_mail_to_mail(kind: Kind, service: MailService) -> None:
    sender = kind.sender(service)
    await sender.ready()
    for _ in range(3):
        await sender.send(mail(), HandOff())
    await sender.close()
    assert (service.connections, len(service.mails)) == (1, 3)


async def test_no_redirect_is_followed(kind: Kind, service: MailService) -> None:
    redirect = Told(307, headers={"Location": f"{service.url}/elsewhere"})
    service.mail = service.account = redirect
    assert (await send(kind, service, HandOff())).answer is Answer.NOBODY
    with pytest.raises(SenderRefusedError, match="not followed"):
        await kind.sender(service).check()
    assert len(service.mails) == 1


@pytest.mark.parametrize("status", [502, 504])
async def test_a_gateway_does_not_know_what_became_of_the_mail(
    kind: Kind, service: MailService, status: int
) -> None:
    service.mail = Told(status)
    assert (await send(kind, service, HandOff())).answer is Answer.UNKNOWN


@pytest.mark.parametrize("status", [429, 503])
async def test_who_is_too_busy_has_taken_nothing(
    kind: Kind, service: MailService, status: int
) -> None:
    service.mail = Told(status)
    assert (await send(kind, service, HandOff())).answer is Answer.LATER


@pytest.mark.parametrize("status", [401, 403])
async def test_credentials_that_are_refused_are_nobodys_fault_but_ours(
    kind: Kind, service: MailService, status: int
) -> None:
    service.mail = service.account = Told(status, {"message": f"not with {SECRET}"})
    result = await send(kind, service, HandOff())
    sender = kind.sender(service)
    with pytest.raises(SenderRefusedError, match="refuses the") as refused:
        await sender.check()
    assert result.answer is Answer.NOBODY
    assert SECRET not in f"{refused.value}{result.said}{sender.describe()}{sender!r}"


async def test_it_is_asked_once_a_run_whether_it_would_take_mails(
    kind: Kind, service: MailService
) -> None:
    service.account = Told(401)
    sender = kind.sender(service)
    for _ in range(3):
        with pytest.raises(SenderRefusedError):
            await sender.ready()
    assert len(service.asked) == 1
    await sender.close()
    service.account = Told(200, {})
    await asyncio.gather(*(sender.ready() for _ in range(3)))
    assert len(service.asked) == 2
    await sender.close()


async def test_who_is_refused_is_not_named(kind: Kind, service: MailService) -> None:
    told = "Address Anna@Example.com is on a list"
    service.mail = Told(
        400, {"__type": "MessageRejected", "message": told, "errors": [{"message": told}]}
    )
    result = await send(kind, service, HandOff())
    assert result.answer is Answer.REFUSED
    assert "anna" not in result.said.lower()
    assert "(the address) is on a list" in result.said


async def test_nothing_secret_is_logged(
    kind: Kind, service: MailService, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await send(kind, service, HandOff())
    assert not [secret for secret in SECRETS if secret in caplog.text]


def identity(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with authority.issue_cert("localhost").private_key_and_cert_chain_pem.tempfile() as file:
        context.load_cert_chain(file)
    return context


async def test_only_who_proves_who_it_is_gets_a_mail(kind: Kind) -> None:
    authority = trustme.CA()
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    async with mail_service(kind.service(), identity(authority)) as service:
        hand_off = HandOff()
        with pytest.raises(SenderUnavailableError, match="certificate"):
            await kind.sender(service).send(mail(), hand_off)
        assert hand_off.asked == 0
        sender = kind.sender(service, QUICK, trust)
        assert (await sender.send(mail(), hand_off)).answer is Answer.ACCEPTED
        await sender.close()
