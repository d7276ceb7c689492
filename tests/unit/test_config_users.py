"""What settings may say of who is told, and when."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest

from cronfleet.apps.password_expiry import PasswordExpiry
from cronfleet.apps.password_expiry.sources import check_sources, directory_from
from cronfleet.config import Settings, load_settings
from cronfleet.errors import ConfigurationError
from cronfleet.scheduler import Scheduler

Set = Callable[[str, str], None]

LDAP = {
    "USERS_LDAP_URL": "ldaps://ldap.corp.test",
    "USERS_LDAP_BASE": "ou=people,dc=corp,dc=test",
    "NOTICES_DATABASE_URL": "sqlite:///notices.db",
}


@pytest.fixture(autouse=True)
def nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)


@pytest.fixture(name="set_")
def _set(monkeypatch: pytest.MonkeyPatch) -> Set:
    return monkeypatch.setenv


def test_without_a_word_nobody_is_told_before_the_expiry_and_every_hour_will_do() -> None:
    settings = load_settings()
    assert (settings.remind_days_before, settings.quiet_hours) == ((), None)


def test_days_and_hours_are_read_with_blanks_between(set_: Set) -> None:
    set_("REMIND_DAYS_BEFORE", "14, 7,3 ,1")
    set_("QUIET_HOURS", "22:00 - 07:30")
    settings = load_settings()
    assert settings.remind_days_before == (14, 7, 3, 1)
    assert settings.quiet_hours == (time(22), time(7, 30))


@pytest.mark.parametrize(
    ("setting", "value", "advice"),
    [
        ("REMIND_DAYS_BEFORE", "14,,1", "whole days from 1 to 365"),
        ("REMIND_DAYS_BEFORE", "14;7", "whole days from 1 to 365"),
        ("REMIND_DAYS_BEFORE", "0", "whole days from 1 to 365"),
        ("REMIND_DAYS_BEFORE", "366", "whole days from 1 to 365"),
        ("REMIND_DAYS_BEFORE", "-1", "whole days from 1 to 365"),
        ("REMIND_DAYS_BEFORE", "1.5", "whole days from 1 to 365"),
        ("REMIND_DAYS_BEFORE", "7,7", "each number of days once"),
        ("REMIND_DAYS_BEFORE", "7,07", "each number of days once"),
        ("QUIET_HOURS", "22-7", "as in 22:00-07:00"),
        ("QUIET_HOURS", "22:00", "as in 22:00-07:00"),
        ("QUIET_HOURS", "24:00-07:00", "as in 22:00-07:00"),
        ("QUIET_HOURS", "22:00-07:60", "as in 22:00-07:00"),
        ("QUIET_HOURS", "07:00-07:00", "as in 22:00-07:00"),
        ("QUIET_HOURS", "10pm-7am", "as in 22:00-07:00"),
        ("USERS_LDAP_URL", "ldap.corp.test", "ldaps://host"),
        ("USERS_LDAP_URL", "https://ldap.corp.test", "ldaps://host"),
        ("USERS_LDAP_URL", "ldaps://", "ldaps://host"),
        ("USERS_LDAP_URL", "ldaps://host:port", "ldaps://host"),
        ("USERS_LDAP_URL", "ldaps://host/dc=corp", "ldaps://host"),
        ("USERS_LDAP_URL", "ldaps://host?uid", "ldaps://host"),
        ("USERS_LDAP_KIND", "novell", "openldap or activedirectory"),
        ("USERS_ACTIVE_COLUMN", "x" * 129, "a name of 1 to 128 characters"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_says_what_to_write(
    set_: Set, setting: str, value: str, advice: str
) -> None:
    set_(setting, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    (line,) = str(caught.value).splitlines()
    assert line.startswith(setting)
    assert advice in line


def test_a_password_in_the_url_of_a_directory_is_refused(set_: Set) -> None:
    set_("USERS_LDAP_URL", "ldaps://reader:hunter2@host")
    with pytest.raises(ConfigurationError, match="write ldaps://host"):
        load_settings()


def test_a_date_of_expiry_needs_no_age_of_the_user(set_: Set) -> None:
    set_("USERS_PASSWORD_EXPIRES_COLUMN", "expires")
    set_("USERS_MAX_AGE_DAYS_COLUMN", "days")
    with pytest.raises(
        ConfigurationError, match="set one of the two; a date of expiry needs no age"
    ):
        load_settings()


def test_the_password_of_a_directory_is_a_secret(set_: Set) -> None:
    set_("USERS_LDAP_PASSWORD", "hunter2")
    settings = load_settings()
    assert "hunter2" in settings.secrets
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"USERS_LDAP_BASE": ""}, r"^USERS_LDAP_BASE: set it to the entry"),
        (
            {"NOTICES_DATABASE_URL": ""},
            r"^NOTICES_DATABASE_URL: set it to a database; with USERS_LDAP",
        ),
        ({"USERS_DATABASE_URL": "sqlite:///users.db"}, r"^USERS_LDAP_URL and USERS_DATABASE_URL: "),
        ({"USERS_LDAP_BIND_DN": "cn=x"}, r"USERS_LDAP_BIND_DN and USERS_LDAP_PASSWORD: set both"),
        (
            {"USERS_LDAP_PASSWORD": "hunter2"},
            r"USERS_LDAP_BIND_DN and USERS_LDAP_PASSWORD: set both",
        ),
        (
            {"USERS_LDAP_FILTER": "uid=*"},
            r"^USERS_LDAP_FILTER 'uid=\*': write a filter in brackets",
        ),
        (
            {"USERS_LDAP_KIND": "activedirectory", "USERS_MAX_AGE_DAYS_COLUMN": "days"},
            r"^USERS_MAX_AGE_DAYS_COLUMN: Active Directory says itself",
        ),
    ],
)
def test_settings_of_a_directory_that_do_not_fit_together_are_refused_before_anything_is_asked(
    set_: Set, changed: dict[str, str], complaint: str
) -> None:
    for name, value in (LDAP | changed).items():
        set_(name, value)
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        PasswordExpiry(Scheduler("memory:"), load_settings())
    assert "hunter2" not in str(caught.value)


def test_a_directory_with_all_that_it_needs_is_fine(set_: Set) -> None:
    for name, value in LDAP.items():
        set_(name, value)
    check_sources(load_settings(), None)


def test_without_the_library_there_is_a_line_that_says_what_to_install(
    set_: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ldap3", None)  # As where it is not installed.
    for name, value in LDAP.items():
        set_(name, value)
    with pytest.raises(ConfigurationError, match=r"pip install 'cronfleet\[ldap\]'"):
        directory_from(load_settings())


@pytest.mark.parametrize("name", ["uid)(x=*", "u id", "1uid", "ü"])
def test_the_name_of_an_attribute_is_no_piece_of_a_filter(set_: Set, name: str) -> None:
    pytest.importorskip("ldap3", reason="ldap3 is not installed")
    for setting, value in (LDAP | {"USERS_ID_COLUMN": name}).items():
        set_(setting, value)
    with pytest.raises(
        ConfigurationError, match=r"^USERS_ID_COLUMN .*: write the name of an attri"
    ):
        directory_from(load_settings())
