from __future__ import annotations

from typing import Literal
from urllib.parse import quote

import pytest
from playwright.async_api import Error, expect

from cronfleet.apps.password_expiry import JOB
from tests.browser.conftest import LOUD_HEADING, LOUD_JOB, Visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

PATHS = (
    *("/", "/jobs", "/instances", "/audit", "/password-expiry"),
    *("/password-expiry/preview", "/password-expiry/preview/de/3d"),
    f"/job?name={quote(LOUD_JOB)}",
    "/playground?expression=30+2+*+*+*&zone=Europe/Berlin",
    "/playground?expression=99+*+*+*+*",
)


async def test_the_pages_lead_from_the_jobs_to_each_mail(visit: Visit) -> None:
    await visit.go("/")
    page = visit.page
    await expect(page.get_by_role("row").filter(has_text=JOB).first).to_contain_text("succeeded")
    await page.get_by_role("link", name="Password expiry").click()
    await expect(page.get_by_text("SENT").first).to_be_visible()
    await expect(page.get_by_role("link", name="Your password has expired")).to_have_count(40)
    await page.get_by_role("link", name="Your password has expired").first.click()
    await expect(page.locator("pre")).to_contain_text("Please choose a new one.")
    assert visit.complaints == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("width", [320, 375, 700, 1280])
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_every_page_fits_its_screen_and_breaks_no_policy(
    visit: Visit, path: str, width: int, colours: Literal["light", "dark"]
) -> None:
    await visit.page.set_viewport_size({"width": width, "height": 800})
    await visit.page.emulate_media(color_scheme=colours)
    await visit.go(path)
    beyond = await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert (beyond, visit.complaints) == (0, [])


async def test_what_the_mails_say_can_be_looked_at_before_any_is_sent(visit: Visit) -> None:
    await visit.go("/password-expiry")
    await visit.page.get_by_role("link", name="What the mails say").click()
    await expect(visit.page.get_by_label("Text")).to_contain_text("Hello Anna Example,")
    await visit.page.get_by_role("link", name="de/3d").click()
    await expect(visit.page.get_by_label("Text")).to_contain_text("läuft in 3 Tagen ab")
    await expect(visit.page.get_by_label("HTML")).to_contain_text("<!doctype html>")
    assert visit.complaints == []
    await visit.go("/password-expiry/preview/../../etc")
    await expect(visit.page.get_by_label("Text")).to_have_count(0)


async def test_every_mail_fits_a_phone(visit: Visit) -> None:
    await visit.page.set_viewport_size({"width": 320, "height": 800})
    await visit.go("/password-expiry")
    links = await visit.page.get_by_role("link", name="Your password has expired").all()
    for path in [str(await link.get_attribute("href")) for link in links]:
        await visit.go(path)
        beyond = await visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert (path, beyond, visit.complaints) == (path, 0, [])


async def test_what_others_wrote_stays_text(visit: Visit) -> None:
    await visit.go("/")
    await expect(visit.page.get_by_text(LOUD_HEADING).first).to_be_visible()
    await expect(visit.page).to_have_title("Overview · Cronfleet")
    await expect(visit.page.get_by_role("heading", name="elsewhere")).to_have_count(0)


async def test_the_policy_would_stop_what_escaping_let_through(visit: Visit) -> None:
    await visit.go("/")
    element = "const s = document.createElement('script');"
    with pytest.raises(Error, match="TrustedScript"):
        await visit.page.evaluate(element + "s.textContent = 'window.ran = 1'")
    trusted = "trustedTypes.createPolicy('test', {createScript: text => text})"
    script = element + f"s.textContent = {trusted}.createScript('window.ran = 1');"
    await visit.page.evaluate(script + "document.body.append(s)")
    assert await visit.page.evaluate("window.ran") is None
    assert "Content Security Policy" in visit.complaints[-1]


async def test_what_is_new_appears_by_itself(visit: Visit) -> None:
    await visit.page.clock.install()
    await visit.go("/")
    await visit.scheduler.skip_next(LOUD_JOB)
    await visit.page.clock.fast_forward(5_000)
    skipped = visit.page.get_by_role("row").filter(has_text="by hand").filter(has_text=LOUD_JOB)
    await expect(skipped).to_have_count(1)


async def test_a_page_says_when_its_server_is_gone(visit: Visit) -> None:
    await visit.page.clock.install()
    await visit.go("/")
    await expect(visit.page.get_by_text("no longer fresh")).to_be_hidden()
    await visit.page.context.set_offline(True)
    await visit.page.clock.fast_forward(5_000)
    await expect(visit.page.get_by_text("no longer fresh")).to_be_visible()


async def test_the_first_key_leads_past_the_navigation(visit: Visit) -> None:
    await visit.go("/")
    await visit.page.keyboard.press("Tab")
    await expect(visit.page.get_by_text("Skip to the content")).to_be_focused()
    await visit.page.keyboard.press("Enter")
    await expect(visit.page.locator("main")).to_be_focused()
