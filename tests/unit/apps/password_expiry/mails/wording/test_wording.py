"""What the mails say, in our own words and in those of a folder."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.apps.password_expiry.mails.wording.brand import Brand
from cronfleet.apps.password_expiry.mails.wording.templates import MailTemplateError, MailTemplates
from cronfleet.apps.password_expiry.mails.wording.wording import Letter, Wording
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User
from tests.unit.server.sites import Seen

MADE = datetime(2026, 12, 1, 12, tzinfo=UTC)
FRIDAY = datetime(2026, 12, 4, 9, tzinfo=UTC)
OURS = Wording()

Put = Callable[..., Wording]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """A wording of these files, by their paths with `__` for a slash and `_` for the dot."""

    def with_files(
        files: dict[str, str], default: str = "en", brand: Brand | None = None
    ) -> Wording:
        for name, content in files.items():
            file = tmp_path / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content, encoding="utf-8")
        return Wording(MailTemplates(tmp_path, default), brand)

    return with_files


def letter(
    wording: Wording = OURS,
    threshold: str = "expired",
    expiry: datetime = FRIDAY,
    made: datetime = MADE,
    **columns: str,
) -> Letter:
    values = {"address": "anna@example.com", "name": "Anna", "stored_date": "x", **columns}
    user = User(
        "1", values["address"], values["name"], values["stored_date"], values.get("locale", "")
    )
    return wording.letter(user, NoticeKey("1", "x", threshold), expiry, made)


@pytest.mark.parametrize(
    ("locale", "expiry", "subject", "said"),
    [
        ("en", FRIDAY, "expires in 3 days", "expires in 3 days, on Friday 4 December. "),
        ("en", MADE + timedelta(days=1), "expires tomorrow", "tomorrow, on Wednesday 2 December"),
        ("en", MADE, "expires today", "expires today, on Tuesday 1 December"),
        ("en_US", FRIDAY, "expires in 3 days", "on Friday, December 4. "),
        ("de", FRIDAY, "läuft in 3 Tagen ab", "in 3 Tagen ab, am Freitag, 4. Dezember. "),
        ("de", MADE + timedelta(days=1), "läuft morgen ab", "morgen ab, am Mittwoch, 2. Dezember"),
        ("de", MADE, "läuft heute ab", "läuft heute ab, am Dienstag, 1. Dezember"),
    ],
)
def test_a_reminder_says_in_how_many_days_and_on_which(
    locale: str, expiry: datetime, subject: str, said: str
) -> None:
    found = letter(threshold="3d", expiry=expiry, locale=locale)
    assert subject in found.subject
    assert said in found.text
    assert "".join(Seen(found.html).text.split()).find("".join(said.split())) >= 0


def test_days_and_dates_are_those_of_the_time_zone() -> None:
    late = datetime(2026, 12, 4, 23, 30, tzinfo=UTC)
    wording = Wording(zone="Europe/Berlin")
    assert "in 4 days, on Saturday 5 December" in letter(wording, "4d", late).text
    assert "in 3 days, on Friday 4 December" in letter(OURS, "4d", late).text


def test_a_date_at_the_beginning_of_time_is_written_all_the_same() -> None:
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert "on Monday 1 January 1." in letter(Wording(zone="America/New_York"), expiry=first).text


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de_AT", "de"), ("de", "de"), ("en_GB", "en"), ("fr", "en"), ("", "en"), ("../de", "en")],
)
def test_a_language_that_is_not_there_gives_way(locale: str, language: str) -> None:
    assert letter(locale=locale).language == language
    assert f'<html lang="{language}">' in letter(locale=locale).html


def test_the_default_locale_is_for_those_that_have_no_other(put: Put) -> None:
    wording = put({}, default="de_DE")
    assert [letter(wording, locale=each).language for each in ("fr", "", "en")] == [
        "de",
        "de",
        "en",
    ]


def test_a_file_wins_and_one_for_the_day_wins_over_that(put: Put) -> None:
    wording = put(
        {
            "de/reminder.txt": "Subject: Bald\nBald",
            "de/3d.txt": "Subject: In drei Tagen\nDrei",
            "de_AT/3d.txt": "Subject: In drei Tagen, gell\nDrei",
        }
    )
    shown = [
        letter(wording, threshold, locale=locale).subject
        for threshold, locale in (("3d", "de"), ("3d", "de_AT"), ("7d", "de_AT"), ("expired", "de"))
    ]
    assert shown == ["In drei Tagen", "In drei Tagen, gell", "Bald", "Ihr Passwort ist abgelaufen"]


def test_a_text_without_a_twin_has_html_made_of_it(put: Put) -> None:
    url = "https://id.example.com/change"
    text = "Subject: Hi\nHi {{ name }},\nfirst line\n\n{{ change_url }}\n"
    wording = put({"en/expired.txt": text}, brand=Brand(change_url=url))
    found = letter(wording, name="<b>Anna</b>")
    seen = Seen(found.html)
    assert found.text == f"Hi <b>Anna</b>,\nfirst line\n\n{url}\n"
    assert [tag for tag, _ in seen.elements if tag in ("b", "br", "a")] == ["br", "a"]
    assert ("a", url) in [(tag, attributes.get("href")) for tag, attributes in seen.elements]


def test_a_language_of_ones_own_may_write_dates_of_its_own(put: Put) -> None:
    text = "Subject: Expiré\nle {{ expires.day }}/{{ expires.month }}/{{ expires.year }} ({{ on }})"
    wording = put({"fr/expired.txt": text}, default="fr")
    assert letter(wording, locale="fr_CA").text == "le 4/12/2026 (2026-12-04)\n"


def test_a_frame_of_ones_own_holds_our_words(put: Put) -> None:
    frame = '<html lang="{{ language }}"><p>ACME</p>{% block content %}{% endblock %}</html>'
    assert "ACME" in letter(put({"frame.html": frame})).html


def test_a_template_may_include_one_that_is_no_mail(put: Put) -> None:
    files = {
        "en/expired.txt": 'Subject: Hi\n{% include "en/_end.txt" %}',
        "en/_end.txt": "Bye {{ name }}",
    }
    assert letter(put(files)).text == "Bye Anna\n"


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"en/expired.txt": "Hello"}, r"en/expired\.txt line 1: write the subject"),
        ({"en/expired.txt": "Subject: \nHello"}, r"en/expired\.txt line 1: write the subject"),
        ({"en/expired.txt": "Subject: x\n\n{{ nam }}"}, r"en/expired\.txt line 3: .*'nam'"),
        ({"en/expired.txt": "Subject: x\n{% if false %}{{ nam }}{% endif %}"}, r"line 2: .*'nam'"),
        ({"en/expired.txt": "Subject: x\n\n{% if %}"}, r"en/expired\.txt line 3: "),
        ({"en/expired.txt": "Subject: x\n{{ 1 // 0 }}"}, r"en/expired\.txt line 2: ZeroDivision"),
        (
            {"en/expired.txt": "Subject: x\n{{ name.__class__ }}"},
            r"en/expired\.txt line 2: .*unsafe",
        ),
        ({"en/expired.txt": "Subject: x\n{{ expires.hours }}"}, r"line 2: .*no attribute 'hours'"),
        ({"en/expired.txt": "Subject: x\n{% include 'y' %}"}, r"en/expired\.txt line 2: .*: y"),
        ({"en/expired.txt": "Subject: x\n{{ 'x' * 100001 }}"}, r"more than 100000 characters"),
        (
            {"en/expired.txt": "Subject: x\n", "en/expired.html": "\n{{ nam }}"},
            r"en/expired\.html line 2: .*'nam'",
        ),
        ({"en/expired.html": "Hello"}, r"en/expired\.html: there is no expired\.txt beside it"),
        ({"en/expird.txt": "Subject: x\n"}, r"en/expird\.txt is no mail"),
        ({"english/expired.txt": "Subject: x\n"}, r"english/expired\.txt is no mail"),
        ({"frame.html": "{{ oops }}"}, r"frame\.html line 1: .*'oops' is undefined"),
    ],
)
def test_what_is_wrong_with_a_template_is_found_at_the_start_with_its_file_and_line(
    put: Put, files: dict[str, str], complaint: str
) -> None:
    with pytest.raises(MailTemplateError, match=complaint):
        put(files)


def test_what_is_no_text_is_found_at_the_start(put: Put, tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "expired.txt").write_bytes(b"Subject: \xff\n")
    with pytest.raises(MailTemplateError, match=r"en/expired\.txt cannot be read"):
        put({})


def test_a_folder_that_is_not_there_is_found_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(MailTemplateError, match="no such folder"):
        MailTemplates(tmp_path / "nowhere")


def test_a_default_locale_without_mails_is_found_at_the_start() -> None:
    with pytest.raises(MailTemplateError, match=r"DEFAULT_LOCALE 'fr'.*de, en.*fr/expired\.txt"):
        MailTemplates(default_locale="fr")


def test_a_template_that_fails_for_one_user_says_nothing_of_that_user(put: Put) -> None:
    wording = put({"en/expired.txt": "Subject: x\n{{ {'Anna': 1, '': 1}[name] + 1 }}"})
    assert letter(wording).text == "2\n"
    with pytest.raises(MailTemplateError) as caught:
        letter(wording, name="Ben")
    assert "en/expired.txt line 2" in str(caught.value)
    assert "Ben" not in str(caught.value)


TEMPLATE_INJECTIONS = [
    "{{ 7 * 7 }}",
    "{{7*7}}",
    "{% for x in range(9) %}49{% endfor %}",
    "{{ ''.__class__.__mro__ }}",
    "{{ name.__class__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id') }}",
    "{# comment #}",
    "${7*7}",
    "%(name)s %s {0.__class__}",
    "{% include '/etc/passwd' %}",
    "{% raw %}",
]


@pytest.mark.parametrize("name", TEMPLATE_INJECTIONS)
@pytest.mark.parametrize("threshold", ["expired", "3d", "expired/manager", "3d/manager"])
@pytest.mark.parametrize("locale", ["en", "de"])
def test_no_column_is_a_template(name: str, threshold: str, locale: str) -> None:
    found = letter(threshold=threshold, locale=locale, name=name, address=name)
    assert name in found.text
    assert name in Seen(found.html).text


HTML_INJECTIONS = [
    "<script>alert(1)</script>",
    "</p></td></table><h1>You won",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "<a href=https://evil.example>click</a>",
    "<!-- x --> <!--",
    "]]><![CDATA[",
    "&lt;b&gt; &#60;b&#62;",
    "</title><style>*{display:none}</style>",
    "<bdi>",
]


@pytest.mark.parametrize("name", HTML_INJECTIONS)
@pytest.mark.parametrize("threshold", ["expired", "3d", "expired/manager", "3d/manager"])
@pytest.mark.parametrize("locale", ["en", "de"])
def test_no_column_is_html(name: str, threshold: str, locale: str) -> None:
    found = letter(threshold=threshold, locale=locale, name=name)
    usual = letter(threshold=threshold, locale=locale)
    assert Seen(found.html).shape == Seen(usual.html).shape
    assert name in Seen(found.html).text


@given(st.text(), st.sampled_from(["expired", "3d", "expired/manager", "1d/manager"]))
def test_whatever_a_name_is_the_subject_is_one_printable_line(name: str, threshold: str) -> None:
    found = letter(threshold=threshold, name=name)
    assert found.subject.isprintable() or any(c.isspace() for c in found.subject)
    assert len(found.subject.splitlines()) == 1
    assert len(found.subject) <= 210
    assert "=?" not in found.subject


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("\u202egnp.exe", "gnp.exe"),
        ("a\r\nBcc: x\x00y\x1b[31m", "a Bcc: x y [31m"),
        ("محمد بن سلمان", "محمد بن سلمان"),
        ("x" * 10_000, "x" * 99 + "…"),
        ("=?utf-8?q?=0d=0aBcc:_x?=", "=?utf-8?q?=0d=0aBcc:_x?="),
    ],
)
def test_odd_names_are_one_readable_line(name: str, said: str) -> None:
    found = letter(name=name)
    assert f"Hello {said},\n" in found.text
    assert ("bdi", {}) in Seen(found.html).elements


def test_a_domain_of_another_alphabet_is_shown_to_the_manager_as_it_is_written() -> None:
    found = letter(threshold="expired/manager", name="Zoë", address="zoe@bücher.example.com")
    assert "Zoë <zoe@bücher.example.com>" in found.text
    assert "Zoë" in found.subject


def test_a_brand_is_shown_and_its_link_is_the_same_for_everybody() -> None:
    brand = Brand("Acme & Söhne", "#ffdd00", "help@example.com", "https://id.example.com/?lang=en")
    wording = Wording(brand=brand)
    for threshold, locale in (("expired", "en"), ("3d", "de")):
        found = letter(wording, threshold, locale=locale)
        links = [values.get("href") for tag, values in Seen(found.html).elements if tag == "a"]
        assert links == ["https://id.example.com/?lang=en", "mailto:help@example.com"]
        assert "Acme & Söhne" in found.subject
        assert "help@example.com" in found.text
        assert "https://id.example.com/?lang=en" in found.text


@pytest.mark.parametrize(
    ("color", "on_color"),
    [
        ("#1d4ed8", "#ffffff"),
        ("#000000", "#ffffff"),
        ("#ffffff", "#10151d"),
        ("#FFDD00", "#10151d"),
    ],
)
def test_what_stands_on_the_brands_colour_can_be_read(color: str, on_color: str) -> None:
    assert Brand(color=color).on_color == on_color


def test_nothing_in_a_mail_is_fetched_from_elsewhere() -> None:
    brand = Brand("Acme", "#123456", "help@example.com", "https://id.example.com/")
    for threshold in ("expired", "3d", "expired/manager", "3d/manager"):
        html = letter(Wording(brand=brand), threshold).html
        tags = {tag for tag, _ in Seen(html).elements}
        assert not tags & {"img", "link", "script", "iframe", "object", "base", "form", "svg"}
        assert "url(" not in html
        assert "@import" not in html


@pytest.mark.parametrize("chance", ["{{ [1, 2] | random }}", "{{ lipsum() }}"])
def test_there_is_no_chance_in_a_template(put: Put, chance: str) -> None:
    with pytest.raises(MailTemplateError, match="line 2"):
        put({"en/expired.txt": f"Subject: x\n{chance}"})
