"""Letters that are filled in are those that would have been written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cronfleet.apps.password_expiry.mails.wording.brand import Brand
from cronfleet.apps.password_expiry.mails.wording.encoding import alternatives
from cronfleet.apps.password_expiry.mails.wording.templates import MailTemplates
from cronfleet.apps.password_expiry.mails.wording.wording import Wording
from cronfleet.apps.password_expiry.users.policy import NoticeKey, User

MADE = datetime(2026, 12, 1, 12, tzinfo=UTC)
NAMES = st.text() | st.text("ab =.\t<&'\"\ue000\ue001\xe4\u0661\U0001f469", max_size=120)
DAYS = st.integers(-400, 400)


@cache
def wording(brand: str) -> Wording:
    return Wording(brand=Brand(brand, contact=brand and "help@example.com"), zone="Europe/Berlin")


def assert_same(words: Wording, user: User, threshold: str, days: int) -> None:
    key, expiry = NoticeKey(user.key, "x", threshold), MADE + timedelta(days=days)
    body, letter = (
        words.body(user, key, expiry, MADE),
        words.letter(user, key, expiry, MADE),
    )
    assert body.content == alternatives(letter.text, letter.html)
    assert (body.subject, body.language) == (letter.subject, letter.language)


@given(
    NAMES,
    st.sampled_from(["expired", "3d", "3d/manager"]),
    st.sampled_from(["en", "de_AT", "fr"]),
    st.sampled_from(["", "Acme & Söhne"]),
    DAYS,
)
@example("=", "3d", "en", "", 3)
@example("x" * 73 + " .", "expired", "en", "", 0)
@example("\ue000the name\ue001", "expired", "en", "", 0)
def test_whatever_the_name_is_what_is_filled_in_is_what_is_written(
    name: str, threshold: str, locale: str, brand: str, days: int
) -> None:
    user = User("1", "anna@example.com", name, None, locale=locale)
    assert_same(wording(brand), user, threshold, days)


OWN: Mapping[str, str] = {
    "the subject": "Subject: Hi {{ name }}\nHello {{ name }}\n",
    "a filter": "Subject: Hi\n{{ name | upper }} {{ name | length }}\n",
    "a part": "Subject: Hi\n{{ name[:3] }}\n",
    "a comparison": "Subject: Hi\n{% if name == 'Anna' %}it is you{% endif %}{{ name }}\n",
    "another name": "Subject: Hi\n{% set who = name %}{{ who | upper }}\n",
    "a block of text": "Subject: Hi\n{% set who %}{{ name }}{% endset %}{{ who | length }}\n",
    "a filter around it": "Subject: Hi\n{% filter upper %}{{ name }}{% endfilter %}\n",
    "a loop": "Subject: Hi\n{% for letter in name %}{{ letter }}-{% endfor %}\n",
    "a macro": "Subject: Hi\n{% macro m(x) %}{{ x | upper }}{% endmacro %}{{ m(name) }}\n",
    "a choice": "Subject: Hi\n{{ name if name else 'you' }}\n",
    "a line": "Subject: Hi\n\n{{ name }}\n\n{{ name }} and {{ name }}.\n",
    "an address": "Subject: Hi\n{{ name }} {{ address }} {{ user_id }}\n",
    "an hour": "Subject: Hi\n{{ name }} {{ expires.hour }}:{{ expires.minute }} {{ zone }}\n",
    "an include": "Subject: Hi\n{% include 'en/_name.txt' %}\n",
    "no name": "Subject: Hi\nHello {{ on }}\n",
}


@pytest.mark.parametrize("sort", OWN)
@pytest.mark.parametrize("has_twin", [False, True])
def test_so_it_is_whatever_a_template_of_ones_own_makes_of_the_name(
    tmp_path: Path, sort: str, *, has_twin: bool
) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "_name.txt").write_text("{{ name | upper }}")
    (tmp_path / "en" / "expired.txt").write_text(OWN[sort])
    if has_twin:
        (tmp_path / "en" / "expired.html").write_text(f"<p>\n{OWN[sort]}</p>")
    words = Wording(MailTemplates(tmp_path), Brand(change_url="https://id.example.com/"))
    for name in ("Anna", "", "Ben <b>", "https://id.example.com/", "{{ name }}", "ß" * 90):
        for number in (1, 2):
            user = User(str(number), f"{number}@example.com", name, None)
            assert_same(words, user, "expired", days=-number)


def test_our_own_mails_to_users_are_filled_in() -> None:
    words = wording("")
    assert set(words._fillable) == {
        (locale, name) for locale in ("de", "en") for name in ("expired", "reminder")
    }
