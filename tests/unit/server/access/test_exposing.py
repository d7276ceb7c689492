"""What starts, and what is refused rather than open to others by a slip."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from cronfleet.config import Settings
from cronfleet.errors import ConfigurationError
from cronfleet.server.access.exposing import access_by
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import Role
from tests.unit.server.access.doors import add_token

TO_OTHERS = ["0.0.0.0", "::", "10.0.0.5", "192.168.1.1", "2001:db8::1"]
THIS_MACHINE = ["127.0.0.1", "127.8.9.1", "::1", "localhost"]


@pytest.fixture(autouse=True)
def nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return CredentialsFile(tmp_path / "var" / "credentials.json")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    made = trustme.CA().issue_cert("localhost")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
    made.private_key_pem.write_to_path(key)
    return chain, key


def refusal(settings: Settings, *, behind_proxy: bool = False) -> str:
    with pytest.raises(ConfigurationError) as caught:
        access_by(settings, behind_proxy=behind_proxy)
    return str(caught.value)


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_this_machine_alone_needs_nothing(host: str) -> None:
    access = access_by(Settings(host=host))
    assert (access.is_encrypted, access.has_open_metrics) == (False, False)


@pytest.mark.parametrize("host", TO_OTHERS)
def test_other_machines_need_credentials_and_tls_and_each_is_said(host: str) -> None:
    first, second = refusal(Settings(host=host)).splitlines()
    assert f"HOST {host} serves other machines" in first
    assert "`cronfleet token new NAME --role admin`" in first
    assert "TLS_CERT and TLS_KEY" in second
    assert "`cronfleet run --behind-proxy`" in second
    assert "HOST=127.0.0.1" in second


@pytest.mark.parametrize("host", TO_OTHERS)
def test_other_machines_are_not_served_without_tls(host: str, file: CredentialsFile) -> None:
    add_token(file, Role.ADMIN)
    (line,) = refusal(Settings(host=host)).splitlines()
    assert "without TLS" in line


@pytest.mark.parametrize("host", TO_OTHERS)
def test_other_machines_are_not_served_without_credentials(
    host: str, certificate: tuple[Path, Path]
) -> None:
    (line,) = refusal(
        Settings(host=host, tls_cert=certificate[0], tls_key=certificate[1])
    ).splitlines()
    assert "no credentials" in line
    (line,) = refusal(Settings(host=host, behind_proxy=True)).splitlines()
    assert "no credentials" in line


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_a_proxy_serves_others_so_that_it_needs_credentials(host: str) -> None:
    (line,) = refusal(Settings(host=host), behind_proxy=True).splitlines()
    assert "A proxy serves other machines" in line


def test_credentials_that_have_all_expired_are_none(file: CredentialsFile) -> None:
    add_token(file, Role.ADMIN, lasts=timedelta(seconds=-1))
    assert "no credentials" in refusal(Settings(behind_proxy=True))


@pytest.mark.parametrize("host", TO_OTHERS + THIS_MACHINE)
def test_with_credentials_a_certificate_or_a_proxy_is_enough(
    host: str, file: CredentialsFile, certificate: tuple[Path, Path]
) -> None:
    add_token(file, Role.ADMIN)
    own = access_by(Settings(host=host, tls_cert=certificate[0], tls_key=certificate[1]))
    assert own.certificate == certificate
    for behind in (
        access_by(Settings(host=host), behind_proxy=True),
        access_by(Settings(host=host, behind_proxy=True)),
    ):
        assert [str(each) for each in behind.proxies or ()] == ["127.0.0.0/8", "::1/128"]


def test_a_certificate_without_its_key_is_refused(certificate: tuple[Path, Path]) -> None:
    assert "set both" in refusal(Settings(tls_cert=certificate[0]))
    assert "set both" in refusal(Settings(tls_key=certificate[1]))


def test_files_that_are_no_certificate_are_named(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    for chain in (tmp_path / "nowhere.pem", certificate[1]):
        settings = Settings(tls_cert=chain, tls_key=certificate[1])
        assert f"TLS_CERT {chain}" in refusal(settings)


def test_a_file_of_credentials_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    told = refusal(Settings(cronfleet_tokens_file=tmp_path / "tokens.json"))
    assert "CRONFLEET_TOKENS_FILE" in told
    assert "cronfleet token new" in told


def test_a_file_of_credentials_that_cannot_be_read_stops_the_start(file: CredentialsFile) -> None:
    file.path.parent.mkdir()
    file.path.write_text("secret: hunter2")
    assert "hunter2" not in refusal(Settings())
    assert "nobody is let in" in refusal(Settings())


def test_a_file_of_credentials_that_others_can_read_is_told_of(
    file: CredentialsFile, caplog: pytest.LogCaptureFixture
) -> None:
    add_token(file, Role.ADMIN)
    access_by(Settings())
    assert caplog.messages == []
    file.path.chmod(0o644)
    access_by(Settings())
    assert "others can read" in caplog.messages[0]
