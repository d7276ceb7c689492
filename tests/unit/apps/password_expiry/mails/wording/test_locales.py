from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.apps.password_expiry.mails.wording.locales import with_fallbacks, written_day

FRIDAY = date(2026, 12, 4)


@pytest.mark.parametrize(
    ("locale", "tried"),
    [
        ("de_AT", ("de_AT", "de")),
        ("de-at", ("de_AT", "de")),
        (" DE ", ("de",)),
        ("de_AT.UTF-8", ("de_AT", "de")),
        ("de_DE@euro", ("de_DE", "de")),
        ("zh-hant-tw", ("zh_Hant_TW", "zh_Hant", "zh")),
        ("", ()),
        ("C", ()),
        ("../../etc", ()),
        ("de/../en", ()),
        ("de_\u202e", ()),
        ("d" * 10_000, ()),
    ],
)
def test_a_locale_is_followed_by_what_stands_in_for_it(locale: str, tried: tuple[str, ...]) -> None:
    assert with_fallbacks(locale) == tried


@given(st.text())
def test_whatever_is_stored_as_a_locale_is_a_name_or_none(locale: str) -> None:
    for each in with_fallbacks(locale):
        assert each.replace("_", "").isalnum()
        assert with_fallbacks(each)[0] == each


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("en", "Friday 4 December"),
        ("en_GB", "Friday 4 December"),
        ("en_US", "Friday, December 4"),
        ("de", "Freitag, 4. Dezember"),
        ("de_CH", "Freitag, 4. Dezember"),
        ("fr", "2026-12-04"),
        ("", "2026-12-04"),
    ],
)
def test_a_day_is_written_in_the_locales_way(locale: str, written: str) -> None:
    assert written_day(FRIDAY, locale, 2026) == written


@pytest.mark.parametrize(
    ("locale", "written"),
    [
        ("en", "Friday 1 January 2027"),
        ("en_US", "Friday, January 1, 2027"),
        ("de", "Freitag, 1. Januar 2027"),
        ("de_AT", "Freitag, 1. Jänner 2027"),
    ],
)
def test_another_year_is_said(locale: str, written: str) -> None:
    assert written_day(date(2027, 1, 1), locale, 2026) == written
