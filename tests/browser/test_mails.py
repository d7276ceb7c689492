"""The HTML of the mails, in a browser for want of a mail program: narrow, wide, light and dark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Literal

import pytest
from playwright.async_api import Browser

from cronfleet.apps.password_expiry.mails.message import Letterhead
from cronfleet.apps.password_expiry.mails.previewing import Previewer
from cronfleet.apps.password_expiry.mails.wording.brand import Brand
from cronfleet.apps.password_expiry.mails.wording.wording import Wording
from cronfleet.apps.password_expiry.users.policy import EXPIRED, ExpiryRule, NoticeKey, User

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
NAMES = ("Anna", "<script>document.title = 'gone'</script>", "محمد بن سلمان", "x" * 10_000)
BRAND = Brand(
    name="Acme " * 20,
    color="#ffdd00",
    contact="a-rather-long-address-of-the-help-desk@a-rather-long-name.example.com",
    change_url="https://id.example.com/" + "a-rather-long-path/" * 6,
)


def mails(threshold: str, locale: str) -> list[str]:
    letterhead = Letterhead("it@example.com", Wording(brand=BRAND))
    previewer = Previewer(letterhead, ExpiryRule(timedelta(days=0)))
    users = [User("1", "anna@example.com", name, None, locale=locale) for name in NAMES]
    key = NoticeKey("1", (NOW + timedelta(days=3)).isoformat(), threshold)
    return [previewer.preview(user, key, NOW).html for user in users]


@pytest.mark.parametrize("threshold", [EXPIRED, "3d", "3d/manager"])
@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_a_mail_can_be_read_by_everybody_on_a_phone_and_fetches_nothing(
    chromium: Browser, threshold: str, locale: str, colours: Literal["light", "dark"]
) -> None:
    page = await chromium.new_page(viewport={"width": 390, "height": 800}, color_scheme=colours)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for html in mails(threshold, locale):
        for width in (320, 390, 1280):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.set_content(html)
            beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert (width, beyond) == (width, 0)
        assert await page.title() != "gone"
        await page.evaluate(AXE)
        found = (await page.evaluate("axe.run()"))["violations"]
        # What stands for a document's landmarks in a page is the mail program's own.
        serious = [each["id"] for each in found if each["impact"] in ("serious", "critical")]
        assert serious == []
    assert asked == []
    await page.close()
