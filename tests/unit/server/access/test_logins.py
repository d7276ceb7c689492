from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest

from cronfleet.server.access.access import Access
from cronfleet.server.access.credentials import Kind
from cronfleet.server.access.keeping import CredentialsFile
from cronfleet.server.access.roles import Role
from tests.unit.server.access.doors import (
    COOKIE,
    PASSWORD,
    add_account,
    add_token,
    by,
    credentials_file,
    csrf_shown,
    guarded,
    log_in,
    sent_with,
)
from tests.unit.server.sites import Seen

HTML = {"Accept": "text/html"}


@pytest.fixture
def file(tmp_path: Path) -> CredentialsFile:
    return credentials_file(tmp_path)


@pytest.fixture
def token(file: CredentialsFile) -> str:
    return add_token(file, Role.OPERATOR)


@pytest.fixture
async def browser(file: CredentialsFile, token: str) -> AsyncGenerator[httpx.AsyncClient]:
    async with guarded(Access(credentials=file)) as client:
        yield client


async def test_a_person_who_has_not_logged_in_is_led_to_the_login_and_on_from_there(
    browser: httpx.AsyncClient, token: str
) -> None:
    led = await browser.get("/job?name=report", headers=HTML)
    assert (led.status_code, led.headers["location"]) == (
        303,
        "/login?next=/job%3Fname%3Dreport",
    )
    page = await browser.get(led.headers["location"])
    then = re.search('name="next" value="([^"]*)"', page.text)
    assert then is not None
    answer = await browser.post("/login", data={"token": token, "next": then[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/job?name=report")
    assert (await browser.get("/job?name=report")).status_code == 200


async def test_a_program_without_credentials_is_told_how_to_show_some(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/api/v1/jobs", headers=HTML)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "cronfleet token new" in answer.json()["detail"]


async def test_a_person_logs_in_by_name_and_password(
    browser: httpx.AsyncClient, file: CredentialsFile
) -> None:
    add_account(file, "ada", Role.VIEWER)
    answer = await browser.post("/login", data={"name": "ada", "password": PASSWORD})
    assert answer.status_code == 303
    assert (await browser.get("/")).status_code == 200


@pytest.mark.parametrize(
    "said",
    [
        {"name": "ada", "password": PASSWORD + "r"},
        {"name": "ada", "password": ""},
        {"name": "bob", "password": PASSWORD},
        {"name": "operator", "password": PASSWORD},
        {"token": "cf_nothing"},
        {"token": PASSWORD},
        {},
    ],
)
async def test_what_is_wrong_is_not_told_apart(
    browser: httpx.AsyncClient, file: CredentialsFile, said: dict[str, str]
) -> None:
    add_account(file, "ada", Role.VIEWER)
    answer = await browser.post("/login", data=said)
    assert (answer.status_code, answer.headers.get("set-cookie")) == (401, None)
    assert "That is not right" in answer.text
    assert PASSWORD not in answer.text


async def test_what_was_typed_as_a_name_is_not_shown_again(browser: httpx.AsyncClient) -> None:
    """People write passwords into the wrong field."""
    answer = await browser.post("/login", data={"name": "a-secret", "password": "wrong"})
    assert answer.status_code == 401
    assert "a-secret" not in answer.text


async def test_a_login_says_which_fields_belong_together(browser: httpx.AsyncClient) -> None:
    shown = Seen((await browser.get("/login")).text)
    assert [tag for tag, _ in shown.elements].count("legend") == 2


@pytest.mark.parametrize(("path", "status"), [("/healthz/ready?detail", 401), ("/static/no", 404)])
async def test_a_stranger_is_led_to_the_login_and_shown_no_menu(
    browser: httpx.AsyncClient, token: str, path: str, status: int
) -> None:
    answer = await browser.get(path, headers=HTML)
    shown = Seen(answer.text)
    assert answer.status_code == status
    assert ("a", {"href": "/login"}) in shown.elements
    assert "nav" not in [tag for tag, _ in shown.elements]
    known = Seen((await browser.get("/nowhere", headers=by(token))).text)
    assert ("a", {"href": "/"}) in known.elements
    assert "nav" in [tag for tag, _ in known.elements]


async def test_the_cookie_is_for_this_server_and_no_script(
    browser: httpx.AsyncClient, token: str
) -> None:
    cookie = (await log_in(browser, token)).headers["set-cookie"]
    assert re.fullmatch(
        r"cronfleet-3000=[0-9a-f.]+; HttpOnly; Max-Age=43200; Path=/; SameSite=strict", cookie
    )


async def test_by_tls_no_other_host_can_have_set_the_cookie(
    file: CredentialsFile, token: str
) -> None:
    async with guarded(
        Access(credentials=file, certificate=(Path("chain"), Path("key")))
    ) as browser:
        answer = await browser.post("/login", data={"token": token})
    assert re.fullmatch(
        r"__Host-cronfleet=[0-9a-f.]+; HttpOnly; Max-Age=43200; Path=/; SameSite=strict; Secure",
        answer.headers["set-cookie"],
    )


async def test_a_new_login_ends_the_one_before(browser: httpx.AsyncClient, token: str) -> None:
    first, second = [(await log_in(browser, token)).cookies[COOKIE] for _ in range(2)]
    browser.cookies.clear()
    assert (await browser.get("/", headers=sent_with(first))).status_code == 401
    assert (await browser.get("/", headers=sent_with(second))).status_code == 200


async def test_who_has_logged_out_is_let_in_no_more_by_the_same_cookie(
    browser: httpx.AsyncClient, token: str, file: CredentialsFile
) -> None:
    cookie = (await log_in(browser, token)).cookies[COOKIE]
    answer = await browser.post("/logout", data={"csrf": csrf_shown(browser, file)})
    assert (answer.status_code, browser.cookies.get(COOKIE)) == (303, None)
    assert (await browser.get("/", headers=sent_with(cookie))).status_code == 401


async def test_a_revoked_token_ends_the_logins_that_were_begun_with_it(
    browser: httpx.AsyncClient, token: str, file: CredentialsFile
) -> None:
    await log_in(browser, token)
    file.change(lambda known: known.without("operator", Kind.TOKEN))
    assert (await browser.get("/")).status_code == 401
    add_token(file, Role.OPERATOR)
    assert (await browser.get("/")).status_code == 401


@pytest.mark.parametrize("part", range(4))
async def test_a_cookie_that_was_changed_lets_nobody_in(
    browser: httpx.AsyncClient, token: str, part: int
) -> None:
    parts = (await log_in(browser, token)).cookies[COOKIE].split(".")
    browser.cookies.clear()
    assert (await browser.get("/", headers=sent_with(".".join(parts)))).status_code == 200
    parts[part] = "9" + parts[part]
    assert (await browser.get("/", headers=sent_with(".".join(parts)))).status_code == 401


async def test_an_instance_with_the_same_file_accepts_the_login_of_another(
    browser: httpx.AsyncClient, token: str, file: CredentialsFile
) -> None:
    await log_in(browser, token)
    async with guarded(Access(credentials=CredentialsFile(file.path))) as other:
        other.cookies = browser.cookies
        assert (await other.get("/")).status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/\r\nX: y",
    ],
)
async def test_a_login_leads_to_no_other_site(
    browser: httpx.AsyncClient, token: str, wanted: str
) -> None:
    answer = await browser.post("/login", data={"token": token, "next": wanted})
    assert answer.headers["location"] == "/"


async def test_logins_are_few_a_minute_for_one_address(browser: httpx.AsyncClient) -> None:
    tries = [await log_in(browser, f"cf_{number}") for number in range(6)]
    assert [each.status_code for each in tries] == [401] * 5 + [429]
    assert 1 <= int(tries[-1].headers["retry-after"]) <= 12


async def test_a_form_of_very_many_fields_is_wrong_like_any_other(
    browser: httpx.AsyncClient,
) -> None:
    fields = {f"field{number}": "x" for number in range(2_000)}
    assert (await browser.post("/login", data=fields)).status_code == 401


async def test_a_login_of_another_site_is_refused(browser: httpx.AsyncClient, token: str) -> None:
    headers = {"Origin": "http://evil.example"}
    answer = await browser.post("/login", data={"token": token}, headers=headers)
    assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)


async def test_a_token_in_the_header_needs_no_login(browser: httpx.AsyncClient, token: str) -> None:
    assert (await browser.get("/api/v1/jobs", headers=by(token))).status_code == 200
