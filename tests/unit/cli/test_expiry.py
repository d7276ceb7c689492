"""`cronfleet password-expiry preview`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.apps.worlds import make_users
from tests.unit.cli.commands import Shell


def test_a_bare_machine_shows_the_mail_to_somebody_made_up(shell: Shell) -> None:
    said = shell("password-expiry", "preview")
    assert said.status == 0
    assert said.out.startswith(
        "Template: en/expired.txt (ours)\nTo: anna@example.com\nSubject: Your password has expired\n"
        "\nHello Anna Example,\n"
    )
    assert not Path("var").exists()


def test_it_may_be_another_language_and_day_and_the_html_a_file(shell: Shell) -> None:
    arguments = ("--threshold", "3d", "--locale", "de_AT", "--html", "mail.html")
    said = shell("password-expiry", "preview", *arguments)
    assert "Subject: Ihr Passwort läuft in 3 Tagen ab\n" in said.out
    assert (
        Path("mail.html").read_text(encoding="utf-8").startswith('<!doctype html>\n<html lang="de"')
    )


def test_the_settings_are_those_of_the_mails_that_are_sent(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAND_NAME", "Acme")
    monkeypatch.setenv("DEFAULT_LOCALE", "de")
    monkeypatch.setenv("EMAIL_FROM", "IT <it@example.com>")
    shown = shell("password-expiry", "preview", "--json").json
    assert shown["subject"] == "Ihr Acme-Passwort ist abgelaufen"
    assert shown["eml"].startswith("From: IT <it@example.com>\r\n")


def test_a_user_of_ones_own_is_found_by_the_id_and_nothing_is_noted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = "\x1b[31mAnna\x1b[0m {{ 7 * 7 }}"
    make_users(tmp_path / "company.db", [(7, "anna@corp.test", name, "2026-01-01")])
    monkeypatch.setenv("USERS_DATABASE_URL", f"sqlite:///{tmp_path}/company.db")
    before = (tmp_path / "company.db").read_bytes()
    said = shell("password-expiry", "preview", "--user", "7")
    assert "To: anna@corp.test\n" in said.out
    assert "{{ 7 * 7 }}" in said.out
    assert "\x1b" not in said.out
    assert (tmp_path / "company.db").read_bytes() == before
    assert shell("password-expiry", "preview", "--user", "8").status == 2


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--threshold", "soon"), "cronfleet: 'soon' is no threshold: write expired, or days"),
        (("--html", "nowhere/mail.html"), "cronfleet: nowhere/mail.html cannot be written: "),
        (("--user", "999999"), "cronfleet: no user has the id '999999'\n"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    shell: Shell, arguments: tuple[str, ...], complaint: str
) -> None:
    said = shell("password-expiry", "preview", *arguments)
    assert said.status != 0
    assert said.err.startswith(complaint)
    assert said.err.count("\n") == 1


def test_a_template_that_cannot_be_used_is_one_line(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("mails/en").mkdir(parents=True)
    Path("mails/en/expired.txt").write_text("Subject: x\n\n{{ nam }}\n")
    monkeypatch.setenv("TEMPLATES_DIR", "mails")
    said = shell("password-expiry", "preview")
    assert said.status == 2
    assert said.err.startswith(
        "cronfleet: TEMPLATES_DIR mails: en/expired.txt line 3: there is no variable 'nam'; there are "
    )
