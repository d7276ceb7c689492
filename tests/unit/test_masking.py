from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cronfleet.masking import masked, password_in, with_urls_masked, without_secrets

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hunter2@host:6379/0", "redis://:***@host:6379/0"),
        ("postgresql+psycopg://anna:hunter2@host/db", "postgresql+psycopg://anna:***@host/db"),
        ("redis://anna:hun/t@er2@host", "redis://anna:***@host"),
        (
            "postgresql://host/db?user=a&password=hunter2",
            "postgresql://host/db?user=a&password=***",
        ),
        ("mysql://host/db?SSLPassword=hunter2&x=y", "mysql://host/db?SSLPassword=***&x=y"),
        ("sqlite:///var/cronfleet.db", "sqlite:///var/cronfleet.db"),
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("postgresql://anna@host/db", "postgresql://anna@host/db"),
        ("memory:", "memory:"),
        ("postgresql://me@corp:s3cret@host/db", "postgresql://me@corp:***@host/db"),
        ("redis://anna:hun\nter2@host", "redis://anna:***@host"),
        ("redis://anna:hunter2?\n@host", "redis://anna:***@host"),
        (
            "postgresql://anna:x@host/db?sslkey_pw=s3cret",
            "postgresql://anna:***@host/db?sslkey_pw=***",
        ),
        ("redis://host/0?password=s3\ncret&x=y", "redis://host/0?password=***&x=y"),
        ("redis://host/0?password=s3#cret", "redis://host/0?password=***"),
        ("redis://anna:x?token=y@host", "redis://***"),
        ("postgresql://anna:x@host/db?password=y@z", "postgresql://***"),
        ("redis:/anna:hunter2@host", "redis:***@host"),
        ("redis://an na/x:hunter2@host", "redis://***:***@host"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked(url) == shown


TEXT = st.text(max_size=8)


@given(user=st.from_regex(r"[^:]{0,8}", fullmatch=True), before=TEXT, after=TEXT, query=TEXT)
def test_no_password_is_shown_whatever_stands_around_it(
    user: str, before: str, after: str, query: str
) -> None:
    assert SECRET not in masked(f"redis://{user}:{before}{SECRET}{after}@host/0?{query}")


@given(before=TEXT, after=TEXT)
def test_no_password_in_the_query_is_shown(before: str, after: str) -> None:
    value = f"{before}{SECRET}".replace("&", "")
    assert SECRET not in masked(f"postgresql://host/db?user=me&password={value}{after}")


@pytest.mark.parametrize(
    "said",
    [
        "no login with s3 c/ret here",
        "no login with 's3 c/ret' here",
        "no login with s3\nc/ret here",
        r"no login with s3\nc/ret here",
        "no login with s3%0Ac%2Fret here",
        "no login with\n  c/ret here",
    ],
)
def test_nothing_of_a_secret_stays_in_what_somebody_else_says(said: str) -> None:
    shown = without_secrets(said, ["s3\nc/ret", ""])
    assert "ret" not in shown
    assert shown.startswith("no login with ")
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no URL: a@b", "no URL: a@b"),
        ("redis://:s3cret@host/0, and on", "redis://:***@host/0, and on"),
        ("('redis://:s3cret@host/0')", "('redis://:***@host/0')"),
        ("from redis://:s3'cr<et@a to redis://:s3cret@b", "from redis://:***@a to redis://:***@b"),
        ("GET https://host/?token=s3cret 200", "GET https://host/?token=*** 200"),
        ("see https://host/page", "see https://host/page"),
    ],
)
def test_in_a_text_the_urls_are_masked_and_the_rest_stays(text: str, shown: str) -> None:
    assert with_urls_masked(text) == shown


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("redis://:s3%40cret@host/0", "s3@cret"),
        ("postgresql://anna:s3:c@ret@host/db", "s3:c@ret"),
        ("postgresql://anna@host/db", ""),
        ("redis://host:6379/0", ""),
        ("memory:", ""),
    ],
)
def test_the_password_of_a_url_is_told_as_it_is(url: str, password: str) -> None:
    assert password_in(url) == password


@pytest.mark.parametrize("flood", ["x", "x=&", "?pw=", "://"])
def test_a_long_text_takes_no_longer_than_it_is(flood: str) -> None:
    began = time.process_time()
    with_urls_masked(f"a://b {flood * 100_000} c://d?{flood * 30_000}")
    assert time.process_time() - began < 5
