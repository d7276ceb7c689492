"""What the mails say, by the settings, from the application to the mailbox and the page."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path

import pytest

from cronfleet import ConfigurationError, Scheduler
from cronfleet.apps.password_expiry import PasswordExpiry, register
from cronfleet.apps.password_expiry.pages.web import PasswordExpiryWebPage
from cronfleet.config import load_settings
from cronfleet.server.security import SANDBOXED
from tests.apps.test_application import context
from tests.unit.server.sites import Seen, site

Set = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(name="set_")
def _set(monkeypatch: pytest.MonkeyPatch) -> Set:
    return monkeypatch.setenv


@asynccontextmanager
async def application() -> AsyncGenerator[PasswordExpiry]:
    made = register(Scheduler("memory:"), load_settings())
    try:
        yield made
    finally:
        await made.close()


def own(name: str, content: str) -> None:
    file = Path("mails") / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content, encoding="utf-8")


def subjects() -> list[str]:
    files = Path("var/mailbox").glob("*.eml")
    return [str(message_from_bytes(f.read_bytes(), policy=SMTP)["Subject"]) for f in files]


async def test_a_template_of_ones_own_is_what_all_get(set_: Set) -> None:
    own("en/expired.txt", "Subject: {{ brand }}: time is up\nDear {{ name or 'colleague' }}")
    set_("TEMPLATES_DIR", "mails")
    set_("BRAND_NAME", "Acme")
    async with application() as made:
        await made.run(context())
        page = await made.page()
    assert subjects() == ["Acme: time is up"] * 40
    assert {mail.text.partition(" ")[0] for mail in page.mails} == {"Dear"}


def test_a_template_that_cannot_be_used_is_found_before_any_mail_is_sent(set_: Set) -> None:
    own("de/reminder.txt", "Subject: x\n\n{{ name.title() }} {{ passwort }}")
    set_("TEMPLATES_DIR", "mails")
    with pytest.raises(
        ConfigurationError, match=r"^TEMPLATES_DIR mails: de/reminder\.txt line 3: .*'passwort'"
    ):
        register(Scheduler("memory:"), load_settings())
    assert not Path("var/mailbox").exists() or not list(Path("var/mailbox").iterdir())


async def test_the_page_shows_what_would_be_said_and_nothing_that_was_not_offered(
    set_: Set,
) -> None:
    set_("DEFAULT_LOCALE", "de")
    set_("COPY_TO_MANAGER", "3d")
    async with (
        application() as made,
        site(Scheduler("memory:"), pages=[PasswordExpiryWebPage(made)]) as browser,
    ):
        usual = await browser.get("/password-expiry/preview")
        other = await browser.get("/password-expiry/preview/en/3d/manager")
        alone = await browser.get("/password-expiry/preview/en/3d/manager.html")
        none = [
            (await browser.get(f"/password-expiry/preview/{path}")).status_code
            for path in (
                "fr/expired",
                "de/30d",
                "de",
                "de/expired/manager",
                "en/..%2f3d",
                "fr.html",
            )
        ]
    assert "Ihr Passwort ist abgelaufen" in Seen(usual.text).text
    assert "<!doctype html>" in Seen(usual.text).text
    assert "The password of Anna Example expires in 3 days" in Seen(other.text).text
    assert "default-src 'none'" in other.headers["Content-Security-Policy"]
    frames = [seen for tag, seen in Seen(other.text).elements if tag == "iframe"]
    assert [(seen["src"], seen["sandbox"]) for seen in frames] == [(alone.url.path, None)]
    assert "style" not in {tag for tag, _ in Seen(usual.text).elements}
    assert none == [404] * 6
    assert alone.text.startswith("<!doctype html>")
    assert {name: alone.headers.get(name) for name in SANDBOXED} == SANDBOXED
