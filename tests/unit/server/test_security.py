from __future__ import annotations

from collections.abc import AsyncGenerator

import httpx
import pytest

from cronfleet import Scheduler, cron
from cronfleet.server.security import HEADERS, SANDBOXED, headers_for, hosts_served
from tests.unit.server.sites import PORT, sheet, site

ADDRESSES = (
    "/",
    "/job?name=report",
    "/job?name=nobody",
    "/job",
    "/sheet",
    "/sheet/below/it",
    "/sheet/nothing",
    "/nothing",
    "/health-check",
    "/healthz/live",
    "/healthz/ready",
    "/api/v1/jobs",
    "/api/v1/jobs?limit=0",
    "/api/v1/jobs/report/runs",
    "/api/v1/jobs/nobody/runs",
    "/api/v1/instances",
    "/api/v1/nothing",
    "/api/v1/openapi.json",
    "/static/style.css",
    "/static/refresh.js",
    "/static/icon.svg",
    "/static/nothing",
    "/static/",
)


@pytest.fixture(scope="module")
async def browser(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[httpx.AsyncClient]:
    scheduler = Scheduler("memory:", program="test")
    scheduler.add_job(lambda _: None, cron("0 0 1 1 *"), "report")
    async with site(scheduler, [sheet(tmp_path_factory.mktemp("sheet"))]) as client:
        yield client


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_answer_carries_the_headers(browser: httpx.AsyncClient, address: str) -> None:
    answer = await browser.get(address)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("address", ADDRESSES)
async def test_head_answers_as_get_does_without_the_body(
    browser: httpx.AsyncClient, address: str
) -> None:
    get, head = await browser.get(address), await browser.head(address)
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
@pytest.mark.parametrize("address", ["/", "/api/v1/jobs", "/static/style.css", "/nothing"])
async def test_methods_that_nothing_needs_are_not_served(
    browser: httpx.AsyncClient, method: str, address: str
) -> None:
    answer = await browser.request(method, address)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST, PATCH, DELETE")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("address", ["/", "/api/v1/jobs", "/static/style.css"])
async def test_what_can_only_be_looked_at_takes_no_orders(
    browser: httpx.AsyncClient, method: str, address: str
) -> None:
    answer = await browser.request(method, address)
    assert answer.status_code == 405
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        f"evil.example:{PORT}",
        f"localhost.evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        f"evil.example@localhost:{PORT}",
        f"localhost:{PORT}@evil.example",
        f"localhost:{PORT}, evil.example",
        f"localhost:{PORT}.evil.example",
        f"localhost.:{PORT}",
        f"127.1:{PORT}",
        f"2130706433:{PORT}",
        f"0x7f000001:{PORT}",
        f"127.0.0.2:{PORT}",
        f"0.0.0.0:{PORT}",
        f"[::ffff:127.0.0.1]:{PORT}",
        f"::1:{PORT}",
        f"[::1%25lo]:{PORT}",
        f"10.0.0.1:{PORT}",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "localhost:",
        "localhost:80",
        f"localhost:0{PORT}",
        f"localhost: {PORT}",
        "",
        "null",
    ],
)
@pytest.mark.parametrize("address", ["/", "/health-check", "/api/v1/jobs", "/static/style.css"])
async def test_a_name_that_another_site_points_at_this_machine_is_refused(
    browser: httpx.AsyncClient, host: str, address: str
) -> None:
    answer = await browser.get(address, headers={"Host": host})
    assert answer.status_code == 421
    assert "report" not in answer.text
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize("headers", [[], [("Host", f"localhost:{PORT}"), ("Host", "evil.example")]])
async def test_a_request_for_no_host_or_two_is_refused(
    browser: httpx.AsyncClient, headers: list[tuple[str, str]]
) -> None:
    request = browser.build_request("GET", "/")
    request.headers = httpx.Headers(headers)
    assert (await browser.send(request)).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1", "[::1]"])
async def test_this_machine_is_served_under_its_names(
    browser: httpx.AsyncClient, host: str
) -> None:
    answer = await browser.get("/", headers={"Host": f"{host}:{PORT}"})
    assert answer.status_code == 200


def test_the_port_may_be_left_out_only_where_it_is_the_usual_one() -> None:
    assert "localhost" in hosts_served("127.0.0.1", 80)
    assert "localhost" not in hosts_served("127.0.0.1", 81)


def test_another_loopback_address_is_served_under_itself() -> None:
    assert "127.0.0.5:3000" in hosts_served("127.0.0.5", 3000)


@pytest.mark.parametrize("address", ADDRESSES)
async def test_no_other_site_may_read_an_answer(browser: httpx.AsyncClient, address: str) -> None:
    answer = await browser.get(address, headers={"Origin": "http://evil.example"})
    assert [name for name in answer.headers if name.startswith("access-control-")] == []


async def test_a_pretended_proxy_changes_nothing(browser: httpx.AsyncClient) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    assert "evil" not in (await browser.get("/", headers=headers)).text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/%2e%2e%2fapp.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/style.css%00.txt",
        "/static/style.css/../../app.py",
    ],
)
async def test_only_what_is_in_the_folder_is_served_from_it(
    browser: httpx.AsyncClient, path: str
) -> None:
    request = browser.build_request("GET", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    assert (await browser.send(request)).status_code == 404


async def test_the_api_has_no_page_that_loads_scripts_from_elsewhere(
    browser: httpx.AsyncClient,
) -> None:
    for path in ("/docs", "/redoc", "/api/v1/docs", "/docs/oauth2-redirect", "/openapi.json"):
        assert (await browser.get(path)).status_code == 404


def test_an_answer_may_be_shown_in_a_frame_only_if_it_can_do_nothing_there() -> None:
    policy = SANDBOXED["Content-Security-Policy"]
    parts = policy.split("; ")
    assert {"default-src 'none'", "frame-ancestors 'self'", "form-action 'none'", "sandbox"} <= {
        *parts
    }
    assert not any(part.startswith(("script-src", "connect-src")) for part in parts)
    assert headers_for(policy) == SANDBOXED
    for other in (None, "", "sandbox", f"{policy} allow-scripts"):
        assert headers_for(other) == HEADERS
