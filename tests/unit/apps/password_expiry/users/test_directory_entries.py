"""What entries of a directory say of a user.

Those of Active Directory were recorded from the one of Samba 4.17, in a domain where passwords are
good for 42 days.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from cronfleet.apps.password_expiry.users.directory.asking import any_of, escaped
from cronfleet.apps.password_expiry.users.directory.entries import (
    Attributes,
    Entry,
    id_value,
    user_of,
)
from cronfleet.apps.password_expiry.users.policy import ExpiryRule, NoticeKey, User
from cronfleet.apps.password_expiry.users.rows import ACTIVE, LOCALE

OPENLDAP = Attributes("entryUUID", name="cn")
ACTIVE_DIRECTORY = Attributes("objectGUID", date="pwdLastSet")
GUID = UUID("d8e54e7b-a1e0-40fb-a608-10cc9206f165")
NEVER = str(0x7FFFFFFFFFFFFFFF)
RECORDED: dict[str, list[bytes]] = {
    "objectguid": [GUID.bytes_le],
    "mail": [b"anna@corp.test"],
    "displayname": [b"Anna Test"],
    "pwdlastset": [b"134404241021933430"],
    "msds-userpasswordexpirytimecomputed": [b"134440529021933430"],
    "useraccountcontrol": [b"512"],
}
SET = "2026-11-29T11:08:22.193343+00:00"
NOW = datetime(2027, 4, 1, 12, tzinfo=UTC)


def recorded(**changed: str | None) -> User:
    """The recorded entry, some of it otherwise, or not there."""
    names = {
        "set_": "pwdlastset",
        "expires": "msds-userpasswordexpirytimecomputed",
        "control": "useraccountcontrol",
    }
    entry = dict(RECORDED)
    for name, value in changed.items():
        entry.pop(names[name])
        if value is not None:
            entry[names[name]] = [value.encode()]
    user = user_of(entry, ACTIVE_DIRECTORY, "activedirectory")
    assert user
    return user


def openldap(entry: Entry, attributes: Attributes = OPENLDAP) -> User | None:
    return user_of({"entryuuid": [b"6ba7b810"], **entry}, attributes, "openldap")


def due(user: User, rule: ExpiryRule | None = None) -> NoticeKey | None:
    return (rule or ExpiryRule(timedelta(days=3650))).due_notice(user, NOW)


def test_a_user_of_active_directory_has_the_date_of_its_password_and_its_own_expiry() -> None:
    user = recorded()
    assert (user.key, user.address, user.name) == (str(GUID), "anna@corp.test", "Anna Test")
    assert user.stored_date == SET
    assert user.expires == datetime.fromisoformat(SET) + timedelta(days=42)
    assert due(user) == NoticeKey(str(GUID), SET)


def test_a_changed_policy_of_the_domain_names_the_same_notice() -> None:
    assert due(recorded()) == due(recorded(expires="134449169021933430"))


def test_without_a_computed_expiry_the_age_of_the_settings_counts() -> None:
    user = recorded(expires=None)
    assert user.expires is None
    assert due(user) is None
    assert due(user, ExpiryRule(timedelta(days=90)))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"set_": "0", "expires": NEVER, "control": "66082"}, "the guest of a new domain"),
        ({"set_": "0", "expires": "0"}, "it must be changed at the next logon, and has no date"),
        ({"set_": None, "expires": None}, "there is no password"),
        ({"expires": NEVER}, "it never expires"),
        ({"expires": "9223372036854775000"}, "nor in any year that there is"),
        ({"control": "66048"}, "DONT_EXPIRE_PASSWORD"),
        ({"control": "514"}, "ACCOUNTDISABLE"),
        ({"control": "66050"}, "both"),
    ],
)
def test_some_of_active_directory_are_told_nothing(
    changed: dict[str, str | None], why: str
) -> None:
    user = recorded(**changed)
    assert not user.complaint
    assert due(user, ExpiryRule(timedelta(days=1))) is None, why


@pytest.mark.parametrize("changed", [{"set_": "soon"}, {"expires": "-1"}, {"control": "0x200"}])
def test_a_number_that_is_none_is_the_complaint_of_that_user(changed: dict[str, str]) -> None:
    assert "cannot be read" in recorded(**changed).complaint


def test_an_object_guid_is_found_again_by_its_bytes() -> None:
    assert id_value(str(GUID), "objectGUID") == GUID.bytes_le
    assert id_value("no uuid", "objectGUID") == "no uuid"
    assert id_value("u1", "uid") == "u1"


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("20260101100000Z", "2026-01-01T10:00:00Z"),
        ("20260101100000.123456Z", "2026-01-01T10:00:00Z"),
        ("20260101120000+0200", "2026-01-01T12:00:00+0200"),
        ("2026010110Z", "2026-01-01T10:00:00Z"),
        ("202601011030Z", "2026-01-01T10:30:00Z"),
        ("1767261600", "1767261600"),
        ("soon", "soon"),
    ],
)
def test_a_generalized_time_is_read_as_a_date_and_others_are_left(stored: str, read: str) -> None:
    user = openldap({"pwdchangedtime": [stored.encode()]})
    assert user
    assert user.stored_date == read


def test_a_year_that_no_database_has_is_a_bad_row_and_no_crash() -> None:
    user = openldap({"pwdchangedtime": [b"20261301100000Z"]})
    assert user
    with pytest.raises(ValueError, match="cannot be read"):
        due(user)


def test_of_several_values_the_first_counts_and_none_is_none() -> None:
    user = openldap({"mail": [b"a@corp.test", b"b@corp.test"], "cn": []})
    assert user
    assert (user.address, user.name, user.stored_date) == ("a@corp.test", "", None)


def test_what_is_no_utf_8_spoils_nothing_but_itself() -> None:
    user = openldap({"cn": [b"\xffA"], "mail": [b"a\xff@corp.test"]})
    assert user
    assert (user.name, user.address) == ("\ufffdA", "a\ufffd@corp.test")


def test_an_entry_without_an_id_is_no_user() -> None:
    assert user_of({"mail": [b"a@corp.test"]}, OPENLDAP, "openldap") is None


def test_attributes_may_be_named_for_what_a_directory_does_not_know_itself() -> None:
    named = Attributes("entryUUID", options={ACTIVE: "employeeType", LOCALE: "preferredLanguage"})
    entry = {"employeetype": [b"FALSE"], "preferredlanguage": [b"de-AT"]}
    user = openldap(entry, named)
    assert user
    assert (user.is_active, user.locale) == (False, "de_AT")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("anna", "anna"),
        ("*", r"\2a"),
        ("a)(uid=*", r"a\29\28uid=\2a"),
        ("back\\slash", r"back\5cslash"),
        ("nul\0", r"nul\00"),
        ("line\nbreak", r"line\0abreak"),
        ("Zoë", "Zoë"),
        (b"\x00*\xff", r"\00\2a\ff"),
    ],
)
def test_nothing_in_a_value_means_anything_in_a_filter(value: bytes | str, written: str) -> None:
    assert escaped(value) == written


def test_a_filter_asks_for_any_of_the_values() -> None:
    assert any_of("uid", ["a", "*"]) == r"(|(uid=a)(uid=\2a))"
