from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cronfleet.config import Settings, load_settings
from cronfleet.errors import ConfigurationError

Set = Callable[[str, str], None]


@pytest.mark.parametrize("line", ['CRON_SCHEDULE="*/5 * * * *', "=5", "CRON SCHEDULE=1"])
def test_a_line_of_the_env_file_that_cannot_be_read_is_refused_by_its_number(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    env_file = tmp_path / ".env"
    env_file.write_text(f"PORT=3005\n{line}\n")
    env_file.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"\.env line 2 cannot be read"):
        load_settings()


EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for field in Settings.model_fields:
        monkeypatch.delenv(field.upper(), raising=False)


@pytest.fixture(name="set_")
def _set(monkeypatch: pytest.MonkeyPatch) -> Set:
    return monkeypatch.setenv


def write_env(text: str, mode: int = 0o600) -> None:
    file = Path(".env")
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def complaint() -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    return str(caught.value)


def test_a_bare_machine_has_defaults_for_everything() -> None:
    settings = load_settings()
    assert (settings.cron_schedule, settings.cron_timezone) == ("0 * * * *", "UTC")
    assert (settings.host, settings.port) == ("127.0.0.1", 3000)
    assert settings.mailbox_folder == Path("var/mailbox")
    assert settings.store_url() == "sqlite:///var/cronfleet.db"


def test_the_file_is_read_and_the_environment_wins(set_: Set) -> None:
    write_env("PORT=3001\nCRON_SCHEDULE='*/5 * * * *'\nSOMETHING_ELSE=x\n")
    set_("PORT", "3002")
    settings = load_settings()
    assert (settings.port, settings.cron_schedule) == (3002, "*/5 * * * *")


def test_an_empty_value_means_not_set(set_: Set) -> None:
    write_env("REDIS_HOST=\nEMAIL_USER=\nDRY_RUN=\n")
    set_("PORT", "")
    settings = load_settings()
    assert (settings.port, settings.email_user, settings.dry_run) == (3000, None, None)
    assert settings.store_url().startswith("sqlite:")


def test_a_value_in_the_file_is_taken_as_it_stands(set_: Set) -> None:
    set_("HOME", "/root")
    write_env("EMAIL_PASSWORD=pa${HOME}ss\nEMAIL_USER='a$HOME'\nPORT=\n")
    settings = load_settings()
    assert settings.email_password
    assert settings.email_password.get_secret_value() == "pa${HOME}ss"
    assert (settings.email_user, settings.port) == ("a$HOME", 3000)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("MAX_MAIL_PER_RUN", "MAX_MAILS_PER_RUN"),
        ("DRYRUN", "DRY_RUN"),
        ("user_table", "USERS_TABLE"),
        ("EMAILPASSWORD", "EMAIL_PASSWORD"),
    ],
)
@pytest.mark.parametrize("in_file", [False, True])
def test_a_name_that_is_nearly_a_settings_is_a_warning_with_the_right_one(
    set_: Set, caplog: pytest.LogCaptureFixture, wrong: str, right: str, *, in_file: bool
) -> None:
    if in_file:
        write_env(f"{wrong}=hunter2\n")
    else:
        set_(wrong, "hunter2")
    load_settings()
    assert caplog.messages == [f"{wrong} is no setting: did you mean {right}?"]


@pytest.mark.parametrize(
    "name", ["HOSTNAME", "REDIS_SERVICE_HOST", "REPORT", "SMTP_HOST", "LOGNAME"]
)
def test_names_of_others_are_no_slips(
    set_: Set, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    set_(name, "x.test")
    load_settings()
    assert caplog.messages == []


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CRON_SCHEDULE", r"0 \* \* \* \*", "backslash"),
        ("CRON_SCHEDULE", "60 * * * *", "CRON_SCHEDULE '60 * * * *': minute '60'"),
        ("CRON_TIMEZONE", "Europe/Berln", "did you mean Europe/Berlin?"),
        ("PORT", "abc", "PORT 'abc': write a whole number from 1 to 65535"),
        ("PORT", "70000", "PORT '70000': write a whole number"),
        ("PORT", "3_000", "PORT '3_000': write a whole number from 1 to 65535, or 0"),
        ("PORT", "+3000", "PORT '+3000': write a whole number"),
        ("SMTP_PORT", "abc", "SMTP_PORT 'abc': write a whole number from 1 to 65535"),
        ("SMTP_PORT", "0", "SMTP_PORT '0': write a whole number from 1 to 65535"),
        ("REDIS_PORT", "abc", "REDIS_PORT 'abc': write a whole number from 1 to 65535"),
        ("REDIS_PORT", "0", "REDIS_PORT '0': write a whole number from 1 to 65535"),
        ("PASSWORD_MAX_AGE_DAYS", "9_0", "write a whole number of days from 1 to 36500"),
        ("CRON_SCHEDULE", r"0 \* \* \* \*", r"CRON_SCHEDULE '0 \* \* \* \*': "),
        ("HOST", "example.com", "write an address, as in 127.0.0.1 or 0.0.0.0, or localhost"),
        (
            "TRUSTED_PROXIES",
            "10.0.0.5/8",
            "TRUSTED_PROXIES '10.0.0.5/8': 10.0.0.5/8 has host bits set",
        ),
        ("TRUSTED_PROXIES", "proxy", "TRUSTED_PROXIES 'proxy': 'proxy' does not appear to be"),
        ("ALLOWED_HOSTS", "https://a.example", "ALLOWED_HOSTS 'https://a.example': write names"),
        ("ALLOWED_HOSTS", "*", "ALLOWED_HOSTS '*': write names"),
        ("METRICS", "yes", "METRICS 'yes': write off, on or open"),
        ("PING_ALLOW_NETWORKS", "10.0.0.0/33", "PING_ALLOW_NETWORKS '10.0.0.0/33': "),
        ("PASSWORD_MAX_AGE_DAYS", "0", "write a whole number of days from 1 to 36500"),
        ("MAIL_SENDER", "pigeon", "MAIL_SENDER 'pigeon': write smtp, ses, sendgrid or mailbox"),
        ("MAIL_SENDER", "smtp,pigeon", "MAIL_SENDER 'pigeon': write smtp, ses, sendgrid or "),
        ("MAIL_SENDER", "smtp,smtp", "MAIL_SENDER 'smtp,smtp': name each way to send once"),
        ("MAIL_SENDER", "ses,mailbox", "MAIL_SENDER 'ses,mailbox': mailbox stands alone"),
        ("AWS_REGION", "Ireland", "AWS_REGION 'Ireland': write a region, as in eu-west-1"),
        ("SES_ENDPOINT_URL", "http://x.test", "SES_ENDPOINT_URL 'http://x.test': write https://"),
        ("SENDGRID_URL", "https://u:p@x.test", "write https:// and a host"),
        ("SENDGRID_API_KEY", "SG.ä", "SENDGRID_API_KEY: write the key alone"),
        ("AWS_SECRET_ACCESS_KEY", "a b", "AWS_SECRET_ACCESS_KEY: write the key alone"),
        ("MAILS_PER_SECOND", "0", "MAILS_PER_SECOND '0': write a number above 0"),
        ("MAILS_PER_SECOND", "nan", "MAILS_PER_SECOND 'nan': write a number above 0"),
        ("MAILS_PER_SECOND", "many", "MAILS_PER_SECOND 'many': write a number above 0"),
        ("MAILS_PER_DAY", "0", "MAILS_PER_DAY '0': write a whole number from 1"),
        ("MAILS_PER_DAY", "1e3", "MAILS_PER_DAY '1e3': write a whole number from 1"),
        ("SMTP_TLS", "none", "SMTP_TLS 'none': write starttls or tls"),
        ("DRY_RUN", "perhaps", "DRY_RUN 'perhaps': write true or false"),
        ("MAX_MAILS_PER_RUN", "-1", "write a whole number from 1"),
        ("USERS_TABLE", "x" * 129, "write a name of 1 to 128 characters"),
        ("REDIS_URL", "http://x", "REDIS_URL: write redis://host:port/0"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_line_that_says_what_to_write(
    set_: Set, name: str, value: str, told: str
) -> None:
    set_(name, value)
    assert told in complaint()
    assert complaint().startswith(name)
    assert "\n" not in complaint()


def test_several_have_a_line_each(set_: Set) -> None:
    set_("PORT", "abc")
    set_("CRON_SCHEDULE", "never")
    set_("DRY_RUN", "perhaps")
    assert len(complaint().splitlines()) == 3


def test_no_secret_is_told(set_: Set) -> None:
    set_("REDIS_URL", "hunter2@example.com")
    set_("EMAIL_PASSWORD", "hunter2")
    assert "hunter2" not in complaint()
    set_("REDIS_URL", "redis://:hunter2@example.com")
    assert "hunter2" not in repr(load_settings())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "0.0.0.0", "::"])
def test_a_host_is_an_address(set_: Set, host: str) -> None:
    set_("HOST", host)
    assert load_settings().host == host


def test_what_stands_between_commas_is_several(set_: Set) -> None:
    set_("TRUSTED_PROXIES", "10.0.0.5, 10.1.0.0/16,fd00::/8")
    set_("ALLOWED_HOSTS", "cron.example.com,cron:8443")
    settings = load_settings()
    assert list(map(str, settings.trusted_proxies)) == ["10.0.0.5/32", "10.1.0.0/16", "fd00::/8"]
    assert settings.allowed_hosts == ("cron.example.com", "cron:8443")


def test_the_store_is_the_first_that_is_named(set_: Set) -> None:
    set_("CRONFLEET_DATA_DIR", "/srv/cronfleet")
    assert load_settings().store_url() == "sqlite:////srv/cronfleet/cronfleet.db"
    set_("REDIS_HOST", "redis.example.com")
    assert load_settings().store_url() == "redis://redis.example.com:6379/0"
    set_("REDIS_URL", "rediss://other.example.com:6380/1")
    assert load_settings().store_url() == "rediss://other.example.com:6380/1"
    set_("CRONFLEET_STORE", "sqlite:///own.db")
    assert load_settings().store_url() == "sqlite:///own.db"
    assert load_settings().store_url("memory:") == "memory:"
    assert load_settings().store_url("") == "sqlite:///own.db"


@pytest.mark.parametrize(
    ("name", "value", "url"),
    [
        ("REDIS_PORT", "6380", "redis://localhost:6380/0"),
        ("REDIS_PASSWORD", "hunter2", "redis://:hunter2@localhost:6379/0"),
    ],
)
def test_any_part_of_redis_means_the_one_on_this_machine(
    set_: Set, name: str, value: str, url: str
) -> None:
    set_(name, value)
    assert load_settings().store_url() == url


def test_a_redis_password_may_hold_anything(set_: Set) -> None:
    set_("REDIS_HOST", "::1")
    set_("REDIS_PORT", "6380")
    set_("REDIS_PASSWORD", "a/b@c:d é")
    assert load_settings().store_url() == "redis://:a%2Fb%40c%3Ad%20%C3%A9@[::1]:6380/0"


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465)])
def test_the_mail_port_follows_the_kind_of_tls(set_: Set, tls: str, port: int) -> None:
    set_("SMTP_TLS", tls)
    assert load_settings().mail_port == port
    set_("SMTP_PORT", "2525")
    assert load_settings().mail_port == 2525


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_a_warning_with_what_to_type(
    caplog: pytest.LogCaptureFixture, mode: int, *, warns: bool
) -> None:
    write_env("PORT=3001\n", mode)
    load_settings()
    assert ("chmod 600 .env" in caplog.text) is warns


def test_a_file_that_is_no_text_is_a_configuration_error() -> None:
    Path(".env").write_bytes(b"PORT=\xff\n")
    assert ".env cannot be read" in complaint()


def test_a_file_that_is_a_folder_is_a_configuration_error() -> None:
    Path(".env").mkdir()
    assert complaint() == ".env is a folder: make it a text file, or remove it"


def test_a_folder_that_is_gone_is_a_configuration_error() -> None:
    Path("gone").mkdir()
    os.chdir("gone")
    Path("../gone").rmdir()
    assert complaint().startswith("the folder that this was started in is gone")


@pytest.mark.parametrize(("mode", "warns"), [(0o700, False), (0o755, True), (0o750, True)])
def test_a_data_folder_that_others_can_read_is_a_warning_with_what_to_type(
    caplog: pytest.LogCaptureFixture, mode: int, *, warns: bool
) -> None:
    Path("var").mkdir()
    Path("var").chmod(mode)
    load_settings()
    assert ("chmod 700 var" in caplog.text) is warns


def test_of_the_two_columns_with_a_date_one_is_to_be_chosen(set_: Set) -> None:
    set_("USERS_PASSWORD_EXPIRES_COLUMN", "valid_until")
    assert load_settings().users_password_expires_column == "valid_until"
    set_("USERS_PASSWORD_CHANGED_COLUMN", "changed_at")
    assert "set one of the two" in complaint()


def test_the_example_has_every_setting_once_and_a_copy_of_it_is_what_is_there_without() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    named = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    assert sorted(named) == sorted(field.upper() for field in Settings.model_fields)
    bare = load_settings()
    write_env(text)
    assert load_settings() == bare


def test_the_example_sets_the_port_and_the_schedule_alone() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    assert re.findall(r"^([A-Z_]+)=", text, re.MULTILINE) == ["PORT", "CRON_SCHEDULE"]


def test_every_line_of_the_example_can_be_uncommented() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    write_env(re.sub(r"^#([A-Z_]+=)", r"\1", text, flags=re.MULTILINE))
    assert load_settings()


@pytest.mark.parametrize(
    "url",
    [
        "https://id.example.com",
        "https://id.example.com:8443/change?lang=de&app=mail#form",
        "https://xn--bcher-kva.example.com/?author=it&design=new&keyboard=de",
    ],
)
def test_where_a_password_is_changed_is_a_page_for_everybody(url: str, set_: Set) -> None:
    set_("PASSWORD_CHANGE_URL", url)
    assert load_settings().password_change_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com/",
        "https://",
        "https:///change",
        "id.example.com",
        "javascript:alert(1)",
        "https://anna:hunter2@id.example.com/",
        "https://hunter2@id.example.com/",
        "https://id.example.com:port/",
        "https://id.example.com/{user}",
        "https://id.example.com/{{ user_id }}",
        "https://id.example.com/?token=hunter2",
        "https://id.example.com/?Reset_Token=hunter2",
        "https://id.example.com/?api-key=hunter2",
        "https://id.example.com/?k=hunter2hunter2hunter2hunter2",
        "https://id.example.com/#hunter2hunter2hunter2hunter2",
        "https://id.example.com/ hunter2",
        "https://id.example.com/\u202ehunter2",
        'https://id.example.com/"><script>hunter2',
    ],
)
def test_a_link_that_holds_a_secret_or_leads_elsewhere_is_refused_unrepeated(
    url: str, set_: Set
) -> None:
    set_("PASSWORD_CHANGE_URL", url)
    assert complaint().startswith("PASSWORD_CHANGE_URL: ")
    assert "hunter2" not in complaint()


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("DEFAULT_LOCALE", "german", "a language and perhaps a region"),
        ("DEFAULT_LOCALE", "../de", "a language and perhaps a region"),
        ("BRAND_COLOR", "red", "a colour as in #1d4ed8"),
        ("BRAND_COLOR", "#123456;}", "a colour as in #1d4ed8"),
        ("BRAND_NAME", "x" * 201, "one line of at most 200 characters"),
        ("BRAND_NAME", "Acme\r\nBcc: x", "one line"),
        ("SUPPORT_CONTACT", "a\nb", "one line"),
        ("COPY_TO_MANAGER", "expired,often", "as in 3d,expired"),
        ("COPY_TO_MANAGER", "0d", "as in 3d,expired"),
        ("SUMMARY_SCHEDULE", "daily", "write 5 fields"),
    ],
)
def test_what_the_mails_are_to_say_is_checked(name: str, value: str, hint: str, set_: Set) -> None:
    set_(name, value)
    assert complaint().startswith(f"{name} ")
    assert hint in complaint()


def test_lists_are_written_with_commas(set_: Set) -> None:
    set_("COPY_TO_MANAGER", "3d, expired")
    set_("SUMMARY_TO", "a@example.com, b@example.com")
    settings = load_settings()
    assert settings.copy_to_manager == ("3d", "expired")
    assert settings.summary_to == ("a@example.com", "b@example.com")
