from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES, validate_email
from hypothesis import assume, given
from hypothesis import strategies as st

from cronfleet.apps.mailing.addresses import (
    _USUAL,
    BadAddressError,
    checked_address,
    is_under,
    readable_name,
)
from cronfleet.apps.mailing.sending import Mail
from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User
from cronfleet.errors import ConfigurationError
from tests.unit.server.sites import Seen

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXPIRY = datetime(2026, 3, 1, tzinfo=UTC)
MADE = datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
]
BREAKS = ["\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\r\n\r\n"]
INJECTIONS = [f"x{br}Bcc: eve@example.com{br}" for br in BREAKS] + [
    "=?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=",
    "=?utf-8?q?=0d=0aBcc:_eve@example.com?=",
    "x%0d%0aBcc:eve@example.com",
    'x" <eve@example.com>, "y',
    "\ud800",
]


def mail(name: str = "Anna", address: str = "anna@example.com", locale: str = "") -> Mail:
    user = User("1", address, name, EXPIRY.isoformat(), locale=locale)
    key = NoticeKey(user.key, EXPIRY.isoformat())
    return Letterhead("it@example.com").write("0" * 32, address, user, key, EXPIRY, MADE)


def parsed(written: Mail) -> EmailMessage:
    return message_from_bytes(written.content, policy=SMTP)


def part_of(written: Mail, kind: str) -> str:
    part = parsed(written).get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def text_of(written: Mail) -> str:
    return part_of(written, "plain")


def html_of(written: Mail) -> str:
    return part_of(written, "html")


def test_a_mail_says_who_when_and_that_a_machine_wrote_it() -> None:
    message = parsed(mail())
    assert message["From"] == "it@example.com"
    assert message["To"] == "anna@example.com"
    assert message["Date"] == "Wed, 01 Apr 2026 12:30:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"


def test_its_text_and_its_html_say_the_same_and_the_text_comes_first() -> None:
    message = parsed(mail())
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert (message.defects, [part.defects for part in message.iter_parts()]) == ([], [[], []])
    for said in (text_of(mail()), html_of(mail())):
        assert "Anna" in said
        assert "Sunday 1 March" in said


def test_no_line_of_it_is_longer_than_a_mail_server_takes() -> None:
    written = mail("x" * 10_000, locale="de")
    assert max(map(len, written.content.split(b"\r\n"))) <= 78
    assert b"\n" not in written.content.replace(b"\r\n", b"")


def test_it_is_in_the_users_language_and_says_which() -> None:
    written = mail(locale="de-AT")
    assert parsed(written)["Subject"] == "Ihr Passwort ist abgelaufen"
    assert parsed(written)["Content-Language"] == "de"
    assert "am Sonntag, 1. März abgelaufen" in text_of(written)


def test_a_notice_is_the_same_mail_again() -> None:
    assert mail() == mail()
    assert parsed(mail())["Message-ID"] == f"<{'0' * 32}@example.com>"


def test_without_a_name_it_says_hello() -> None:
    assert text_of(mail(name=" ")).startswith("Hello,\n")


@pytest.mark.parametrize("name", INJECTIONS)
def test_no_name_gets_into_a_header(name: str) -> None:
    assert parsed(mail(name)).items() == parsed(mail()).items()
    assert text_of(mail(name)).count("\n") == text_of(mail()).count("\n")
    usual = mail() if readable_name(name) else mail("")
    assert Seen(html_of(mail(name))).shape == Seen(html_of(usual)).shape


@given(st.text())
def test_whatever_a_name_is_the_headers_are_the_same_and_all_is_ascii(name: str) -> None:
    written = mail(name)
    assert written.content.isascii()
    assert parsed(written).items() == parsed(mail()).items()
    if readable_name(name):
        assert f"Hello {readable_name(name)},\n" in text_of(written)
        assert Seen(html_of(written)).shape == Seen(html_of(mail())).shape
        assert readable_name(name) in Seen(html_of(written)).text


@pytest.mark.parametrize("address", [f"anna{injection}@example.com" for injection in INJECTIONS])
def test_no_injection_is_an_address(address: str) -> None:
    with pytest.raises(BadAddressError):
        checked_address(address)


@given(st.text(max_size=60), st.sampled_from(["@example.com", "@", "@x@example.com", ""]))
def test_whatever_passes_as_an_address_is_one_line_of_ascii_and_its_own_header(
    local: str, rest: str
) -> None:
    try:
        address = checked_address(local + rest)
    except BadAddressError:
        return
    message = parsed(mail(address=address))
    assert address.isascii()
    assert address.isprintable()
    assert "".join(str(message["To"]).split()) == address
    assert message.keys() == HEADERS


@pytest.mark.parametrize(
    "address",
    [
        "",
        "anna",
        "anna@",
        "@example.com",
        "anna@example..com",
        "anna@@example.com",
        "<anna@example.com>",
        "Anna <anna@example.com>",
        "a@example.com,b@example.com",
        "jörg@example.com",
        "anna@[127.0.0.1]",
        "anna@nowhere.invalid",
        "anna..x@corp.local",
        "anna@-.local",
        "é" * 2_000_000 + "@x.com",
        "anna@" + "x." * 130 + "com",
        "x" * 65 + "@example.com",
        "x" * 65 + "@corp.local",
        "an\ufffda@example.com",
        "anna@ex\ufffdmple.com",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadAddressError):
        checked_address(address)


@pytest.mark.parametrize(
    ("address", "checked"),
    [
        ("o'brien+tag@example.com", "o'brien+tag@example.com"),
        ("zoe@bücher.example.com", "zoe@xn--bcher-kva.example.com"),
        ("anna@example.com   ", "anna@example.com"),
        ("anna@corp.local", "anna@corp.local"),
        ("anna@mail.corp.test", "anna@mail.corp.test"),
        ("anna@router.home.arpa", "anna@router.home.arpa"),
        ("anna@localhost", "anna@localhost"),
        ("anna@bücher.LOCAL", "anna@xn--bcher-kva.local"),
    ],
)
def test_an_odd_address_is_one_all_the_same(address: str, checked: str) -> None:
    assert checked_address(address) == checked


def test_a_bad_address_is_not_repeated_in_its_error() -> None:
    with pytest.raises(BadAddressError) as caught:
        checked_address("jörg@example.com")
    assert "ö" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "readable"),
    [
        ("  Anna\t\r\nBcc:  x ", "Anna Bcc: x"),
        ("\u202egnp.exe", "gnp.exe"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("x" * 101, "x" * 99 + "…"),
    ],
)
def test_a_name_is_one_readable_line(name: str, readable: str) -> None:
    assert readable_name(name) == readable


def test_the_sender_may_have_a_name() -> None:
    letterhead = Letterhead('"IT, Müller" <it@example.com>')
    user, key = User("1", "anna@example.com", "", None), NoticeKey("1", EXPIRY.isoformat())
    written = letterhead.write("0" * 32, "anna@example.com", user, key, EXPIRY, MADE)
    assert written.sender == "it@example.com"
    assert str(parsed(written)["From"]).endswith(" <it@example.com>")


@pytest.mark.parametrize("email_from", ["", "it", "IT <it>", "it@example.com\r\nBcc: x@y.zz"])
def test_a_sender_that_is_none_is_a_configuration_error(email_from: str) -> None:
    with pytest.raises(ConfigurationError, match="EMAIL_FROM"):
        Letterhead(email_from)


ADDRESSES = st.from_regex(
    re.compile(r"[a-z0-9]{1,40}([._+'-][a-z0-9]{1,20}){0,2}@[a-z0-9]{1,30}\.com", re.ASCII),
    fullmatch=True,
)


MOMENTS = st.timedeltas(timedelta(0), timedelta(days=36525)).map(lambda since: EPOCH + since)
letterhead_of = cache(Letterhead)


@given(ADDRESSES, st.text(max_size=150), MOMENTS, st.integers(0))
@pytest.mark.parametrize(
    "email_from", ["it@example.com", "Ünï, Cöde <it@example.com>", f"x@{'a' * 60}.{'b' * 60}.com"]
)
def test_headers_that_are_filled_in_are_those_that_the_library_would_have_written(
    email_from: str, address: str, name: str, moment: datetime, number: int
) -> None:
    letterhead, notice_id = letterhead_of(email_from), f"{number:032x}"[-32:]
    user, key = User("1", address, name, None), NoticeKey("1", moment.isoformat())
    mail = letterhead.write(notice_id, address, user, key, moment, moment)
    headers = letterhead.headers(notice_id, address, "Your password has expired", "en", moment)
    assert mail.content.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" == headers


@given(st.from_regex(_USUAL, fullmatch=True))
def test_a_usual_address_is_one_that_the_library_takes_as_it_is(address: str) -> None:
    assume(not is_under(address, SPECIAL_USE_DOMAIN_NAMES))
    checked = validate_email(address, allow_smtputf8=False, check_deliverability=False, strict=True)
    assert checked.ascii_email == checked_address(address) == address
