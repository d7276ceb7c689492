"""Users in a real OpenLDAP, where one is to be had."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from cronfleet import Condition
from cronfleet.apps.password_expiry import PasswordExpiry
from cronfleet.apps.password_expiry.databases.databases import DatabaseError, wait_for
from cronfleet.apps.password_expiry.doctor import examine
from cronfleet.apps.password_expiry.sources import directory_from
from cronfleet.apps.password_expiry.users.directory import connecting
from cronfleet.apps.password_expiry.users.directory.connecting import Directory, Login
from cronfleet.apps.password_expiry.users.directory.users import DirectoryUsers
from cronfleet.apps.password_expiry.users.policy import User
from cronfleet.config import Settings
from cronfleet.errors import ConfigurationError
from cronfleet.scheduler import Scheduler
from tests.apps.slapd import PASSWORD, PEOPLE, READER, Person, Slapd, own_slapd
from tests.apps.worlds import ask
from tests.conftest import in_use_as

pytest.importorskip("ldap3", reason="ldap3 is not installed")

LONG_AGO = "20250101000000Z"
MANY = 1203

OpenSlapd = Callable[..., Slapd]


def person(number: int, **more: object) -> Person:
    return {"mail": f"user{number}@corp.test", "pwdChangedTime": LONG_AGO, **more}


@pytest.fixture
def slapd(pytestconfig: pytest.Config) -> Iterator[OpenSlapd]:
    """A server for this test alone, with these people in it."""
    with ExitStack() as stack:

        def serve(*people: Person, settings: tuple[str, ...] = ()) -> Slapd:
            return in_use_as(
                pytestconfig, lambda: stack.enter_context(own_slapd(people, *settings))
            )

        yield serve


@pytest.fixture(scope="module")
def many(pytestconfig: pytest.Config) -> Iterator[Slapd]:
    """One with many people in it, which nobody changes."""
    with ExitStack() as stack:
        people = [person(number) for number in range(1, MANY + 1)]
        yield in_use_as(pytestconfig, lambda: stack.enter_context(own_slapd(people)))


def settings_for(server: Slapd, **changed: Any) -> Settings:
    given: dict[str, Any] = {
        "users_ldap_url": server.url,
        "users_ldap_base": PEOPLE,
        "users_ldap_bind_dn": READER,
        "users_ldap_password": PASSWORD,
        "users_id_column": "uid",
        "notices_database_url": "sqlite:///notices.db",
    }
    return Settings(**(given | changed))


@contextmanager
def users_of(server: Slapd, **changed: Any) -> Generator[DirectoryUsers]:
    users = directory_from(settings_for(server, **changed))
    try:
        yield users
    finally:
        users.close()


def all_users(users: DirectoryUsers, limit: int = 500) -> list[User]:
    found: list[User] = []
    after: object = None
    while (page := users.page(after, limit)).users:
        assert len(page.users) <= limit
        found += page.users
        after = page.last_id
    return found


@pytest.mark.parametrize("limit", [37, 401, 500, MANY, MANY + 1])
def test_pages_of_any_size_hold_every_user_once(many: Slapd, limit: int) -> None:
    with users_of(many) as users:
        users.check()
        keys = [user.key for user in all_users(users, limit)]
    assert sorted(keys) == sorted(f"u{number}" for number in range(1, MANY + 1))


def test_two_readers_at_once_do_not_disturb_each_other(many: Slapd) -> None:
    with users_of(many) as users:
        first, second = users.page(None, 500), users.page(None, 700)
        first_next, second_next = users.page(first.last_id, 500), users.page(second.last_id, 700)
        assert users.find(["u7"])["u7"].address == "user7@corp.test"
    assert len({u.key for u in (*first.users, *first_next.users)}) == 1000
    assert len({u.key for u in (*second.users, *second_next.users)}) == MANY


def test_users_are_found_again_by_their_keys_however_many(many: Slapd) -> None:
    keys = [f"u{number}" for number in range(1, 351)]
    with users_of(many) as users:
        found = users.find([*keys, "nobody"])
    assert sorted(found) == sorted(keys)
    assert found["u3"].address == "user3@corp.test"


def test_by_default_the_key_is_what_never_changes(slapd: OpenSlapd) -> None:
    uuid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
    server = slapd(person(1, entryUUID=uuid))
    settings = settings_for(server).model_dump(exclude_unset=True)
    del settings["users_id_column"]
    users = directory_from(Settings(**settings))
    users.check()
    (user,) = all_users(users)
    assert (user.key, user.name) == (uuid, "u1")
    assert users.find([uuid, "no uuid"]) == {uuid: user}
    users.close()


@pytest.mark.parametrize("key", ["*", "a*(b)", "x)(uid=*", "back\\slash", "Zoë", "a,b=c+d"])
def test_a_key_means_nothing_but_itself(slapd: OpenSlapd, key: str) -> None:
    server = slapd(person(1), person(2, uid=key))
    with users_of(server) as users:
        assert list(users.find([key])) == [key]


def test_a_user_found_is_as_stored_now_and_never_as_it_was(slapd: OpenSlapd) -> None:
    server = slapd(person(1))
    with users_of(server) as users:
        before = users.find(["u1"])["u1"]
        connection = Directory(server.url, Login(READER, PASSWORD)).connected()
        connection.read_only = False
        change = {"mail": [("MODIFY_REPLACE", ["new@corp.test"])]}
        assert connection.modify(f"sn=u1,{PEOPLE}", change)
        connection.unbind()
        after = users.find(["u1"])["u1"]
    assert (before.address, after.address) == ("user1@corp.test", "new@corp.test")


def test_odd_entries_spoil_nothing(slapd: OpenSlapd) -> None:
    server = slapd(
        person(1, mail=None),
        person(2, pwdChangedTime=None),
        person(3, cn="N" * 10_240),
        person(4, cn="\u202egnp.exe\r\nBcc: x@corp.test"),
        person(5, mail="Dup@corp.test"),
        person(6, mail="dup@CORP.test"),
        person(7, mail=["first@corp.test", "second@corp.test"]),
    )
    with users_of(server) as users:
        users.check()
        found = {user.key: user for user in all_users(users)}
    assert len(found) == 7
    assert (found["u1"].address, found["u2"].stored_date) == (None, None)
    assert len(found["u3"].name) == 10_240
    assert found["u7"].address == "first@corp.test"


def test_an_id_of_two_entries_is_told_and_entries_without_one_are_counted(
    slapd: OpenSlapd,
) -> None:
    server = slapd(
        person(1, employeeNumber="7"), person(2, employeeNumber="7"), person(3), person(4)
    )
    with users_of(server, users_id_column="employeeNumber") as users:
        page = users.page(None)
        assert (page.repeated, len(page.users), users.without_id()) == ({"7"}, 2, 2)
        assert users.repeated(["6", "7"]) == {"7"}


def test_a_manager_is_an_address_or_the_entry_that_has_it(slapd: OpenSlapd) -> None:
    server = slapd(
        person(1, manager=f"sn=u2,{PEOPLE}"),
        person(2, manager=f"sn=nobody,{PEOPLE}"),
        person(3, roomNumber="boss@corp.test"),
    )
    with users_of(server, users_manager_email_column="manager") as users:
        found = {user.key: user.manager for user in all_users(users)}
        assert found == {"u1": "user2@corp.test", "u2": None, "u3": None}
        assert users.find(["u1"])["u1"].manager == "user2@corp.test"
    with users_of(server, users_manager_email_column="roomNumber") as users:
        assert users.find(["u3"])["u3"].manager == "boss@corp.test"


def test_a_filter_says_who_is_a_user_and_who_leaves_it_is_gone(slapd: OpenSlapd) -> None:
    server = slapd(person(1, title="staff"), person(2))
    with users_of(server, users_ldap_filter="(title=staff)") as users:
        assert [user.key for user in all_users(users)] == ["u1"]
        assert list(users.find(["u1", "u2"])) == ["u1"]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"users_ldap_password": "wrong"}, "invalidCredentials; check USERS_LDAP_BIND_DN"),
        ({"users_ldap_base": "ou=nobody,dc=corp,dc=test"}, "noSuchObject.*check USERS_LDAP_BASE"),
        ({"users_ldap_base": "corp.test"}, "invalid DN.*check USERS_LDAP_BASE"),
        ({"users_ldap_filter": "(&(uid=*)"}, "check USERS_LDAP_FILTER"),
        ({"users_id_column": "carLicense"}, "USERS_ID_COLUMN: no entry has .* 'carLicense'"),
        ({"users_id_column": "nonsense"}, "USERS_ID_COLUMN: .* no attribute 'nonsense'"),
        ({"users_password_changed_column": "pwdChange"}, "has no attribute 'pwdChange'"),
        ({"users_active_column": "enabled"}, "USERS_ACTIVE_COLUMN: .* no attribute 'enabled'"),
    ],
)
def test_what_cannot_work_is_one_line_that_says_what_to_change(
    many: Slapd, changed: dict[str, str], complaint: str
) -> None:
    refusal = pytest.raises((ConfigurationError, DatabaseError), match=complaint)
    with users_of(many, **changed) as users, refusal as caught:
        users.check()
    assert "\n" not in str(caught.value)
    assert "wrong" not in str(caught.value)


async def test_a_refused_login_is_not_waited_for(many: Slapd) -> None:
    refusal = pytest.raises(ConfigurationError, match="invalidCredentials")
    with users_of(many, users_ldap_password="wrong") as users, refusal:
        await wait_for(users)


def test_a_login_that_may_not_read_all_of_them_is_told_and_nobody_is_passed_over(
    slapd: OpenSlapd,
) -> None:
    server = slapd(*map(person, range(1, 31)), settings=("sizelimit size.hard=10 size.prtotal=20",))
    nobody = {"users_ldap_bind_dn": None, "users_ldap_password": None}
    refusal = pytest.raises(DatabaseError, match="let this login read more entries")
    with users_of(server, **nobody) as users, refusal:
        all_users(users, 7)


def test_a_connection_that_was_idle_for_too_long_is_made_anew(slapd: OpenSlapd) -> None:
    server = slapd(person(1))
    with users_of(server) as users:
        assert users.find(["u1"])
        server.stop()
        with pytest.raises(DatabaseError) as caught:
            users.find(["u1"])
        assert not caught.value.refuses
        server.start()
        assert users.find(["u1"])
        server.stop()
        server.start()
        assert users.find(["u1"])


def test_a_reader_whose_directory_is_gone_says_so(slapd: OpenSlapd) -> None:
    server = slapd(*map(person, range(1, 11)))
    with users_of(server) as users:
        page = users.page(None, 3)
        server.stop()
        server.start()
        with pytest.raises(DatabaseError):
            users.page(page.last_id, 3)
        assert len(all_users(users, 3)) == 10


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def is_another_machine(_host: str) -> bool:
    return False


def over_tls(authority: trustme.CA, folder: Path, name: str) -> tuple[tuple[str, ...], Path]:
    """The server's settings, and the file with its authority."""
    issued = authority.issue_cert(name)
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    settings = (
        f"TLSCACertificateFile {folder / 'ca.pem'}",
        f"TLSCertificateFile {folder / 'cert.pem'}",
        f"TLSCertificateKeyFile {folder / 'key.pem'}",
    )
    return settings, folder / "ca.pem"


@pytest.mark.parametrize("starts", [False, True])
def test_over_tls_the_certificate_is_verified(
    slapd: OpenSlapd,
    authority: trustme.CA,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    starts: bool,
) -> None:
    monkeypatch.setattr(connecting, "_is_this_machine", is_another_machine)
    settings, ca_file = over_tls(authority, tmp_path, "localhost")
    server = slapd(person(1), settings=settings)
    port, scheme = (server.port, "ldap") if starts else (server.tls_port, "ldaps")
    named = {"users_ldap_url": f"{scheme}://localhost:{port}", "users_ldap_ca_file": ca_file}
    with users_of(server, **named) as users:
        assert len(all_users(users)) == 1
    for wrong in (
        {"users_ldap_url": f"{scheme}://127.0.0.1:{port}"},  # not the name in the certificate
        {"users_ldap_ca_file": None},  # an authority that nobody knows
    ):
        with users_of(server, **(named | wrong)) as users, pytest.raises(DatabaseError) as caught:
            users.probe()
        assert "certificate" in str(caught.value)


def test_without_tls_no_password_leaves_the_machine(
    many: Slapd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This server has no certificate, and would take the password as it is."""
    monkeypatch.setattr(connecting, "_is_this_machine", is_another_machine)
    refusal = pytest.raises(DatabaseError, match="StartTLS: protocolError")
    with users_of(many) as users, refusal as caught:
        users.probe()
    assert caught.value.refuses


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("ldap", False)],
)
def test_only_this_machine_may_be_asked_without_tls(host: str, is_ours: bool) -> None:
    assert connecting._is_this_machine(host) is is_ours


def test_an_authority_that_is_no_file_is_named(many: Slapd) -> None:
    with pytest.raises(ConfigurationError, match=r"^USERS_LDAP_CA_FILE nowhere\.pem: there is no"):
        directory_from(settings_for(many, users_ldap_ca_file="nowhere.pem"))


async def test_the_application_mails_users_of_a_directory_once(
    slapd: OpenSlapd, tmp_path: Path
) -> None:
    server = slapd(person(1), person(2, mail="Dup@corp.test"), person(3, mail="dup@corp.test"))
    settings = settings_for(
        server,
        notices_database_url=f"sqlite:///{tmp_path / 'notices.db'}",
        mailbox_dir=tmp_path / "mailbox",
        dry_run=False,
    )
    async with Scheduler("memory:") as scheduler:
        application = PasswordExpiry(scheduler, settings)
        assert application.describe()[0] == f"users: entries below {PEOPLE} of {server.url}"
        await application.prepare()
        job = await application._job()
        for token in (1, 2):
            await job.run(ask(token))
        assert await application.notices() == {
            state: 3 if state == "SENT" else 0 for state in await application.notices()
        }
        await application.close()
    assert len(list((tmp_path / "mailbox").glob("*.eml"))) == 3


def test_the_doctor_looks_at_the_directory_and_at_the_notices_database(
    many: Slapd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    users, notices, *_ = asyncio.run(examine(settings_for(many)))
    assert (users.condition, notices.condition) == (Condition.WELL, Condition.NOTE)
    assert "have the attributes" in users.said
    users, *_ = asyncio.run(examine(settings_for(many, users_ldap_password="wrong")))
    assert users.condition is Condition.SETTING
    users, notices, *_ = asyncio.run(examine(settings_for(many, notices_database_url=None)))
    assert {users.condition, notices.condition} == {Condition.SETTING}
