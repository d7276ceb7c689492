from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_network

import pytest
import trustme

from cronfleet.apps.guarded_http import calling
from cronfleet.apps.guarded_http.allowing import Allowed, Network
from cronfleet.apps.guarded_http.calling import Caller, HttpError, Resolve
from cronfleet.apps.job_file.http.running import HttpHandler
from cronfleet.apps.job_file.values import HttpWork
from tests.apps.job_file.runs import RUN_ID, Log, a_run
from tests.apps.job_file.web import Conversation, Web, a_web

LOOPBACK = (ip_network("127.0.0.1"),)
HOOK = "hook.example"


class Names:
    """A resolver that knows these names, and how often it was asked."""

    def __init__(self, **addresses: Sequence[str]) -> None:
        self._addresses = {name.replace("_", "."): found for name, found in addresses.items()}
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._addresses[host]


def to(
    url: str,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: str = "",
    *,
    expected: Sequence[int] = (),
    networks: Sequence[Network] = LOOPBACK,
    hosts: Sequence[str] = ("127.0.0.1", "localhost", HOOK),
    secrets: frozenset[str] = frozenset(),
    resolve: Resolve | None = None,
) -> HttpHandler:
    """The handler of a job that asks for this."""
    allowed = Allowed(hosts, networks)
    work = HttpWork(
        method, url.partition("?")[0], url, headers or {}, body, expected, allowed, secrets
    )
    return HttpHandler(work, Caller(allowed, resolve) if resolve else None)


async def failure(handler: HttpHandler, log: Log) -> str:
    with pytest.raises(HttpError) as error:
        await handler(a_run(log))
    return str(error.value)


async def test_the_request_is_made_as_the_job_says_and_tells_of_its_run(web: Web, log: Log) -> None:
    job = to(web.url("/hook?a=1"), "POST", {"Authorization": "Bearer hunter2"}, "größe")
    await job(a_run(log))
    (asked,) = web.asked
    assert (asked.method, asked.path, asked.body) == ("POST", "/hook?a=1", "größe")
    told = {name: asked.headers[name] for name in sorted(asked.headers)}
    assert told.pop("user-agent").startswith("cronfleet/")
    assert told == {
        "accept-encoding": "identity",
        "authorization": "Bearer hunter2",
        "content-length": "7",
        "cronfleet-fire-time": "2026-01-01T00:00:00Z",
        "cronfleet-job": "backup",
        "cronfleet-shard": "0/1",
        "cronfleet-token": "77",
        "host": f"127.0.0.1:{web.port}",
        "idempotency-key": RUN_ID,
    }


async def test_what_is_logged_of_a_url_is_nothing_that_may_be_secret(web: Web, log: Log) -> None:
    await to(web.url("/hook?token=hunter2"))(a_run(log))
    assert log.said == [f"GET {web.url('/hook')} answered 200"]


async def test_no_library_logs_what_may_be_secret(
    web: Web, log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await to(web.url("/hook?token=hunter2"))(a_run(log))
    assert "hunter2" not in caplog.text


async def test_an_answer_that_is_not_expected_is_told_with_its_body(web: Web, log: Log) -> None:
    web.answer = lambda handler: handler.say(503, "the hunter2 is on fire")
    said = await failure(to(web.url(), secrets=frozenset({"hunter2"})), log)
    assert "it answered 503 Service Unavailable, and 200 to 299 was expected" in said
    assert said.endswith("the *** is on fire")


async def test_which_statuses_are_expected_the_job_says(web: Web, log: Log) -> None:
    web.answer = lambda handler: handler.say(404)
    await to(web.url(), expected=[404])(a_run(log))
    web.answer = lambda handler: handler.say(200)
    assert "it answered 200 OK, and 404 was expected" in await failure(
        to(web.url(), expected=[404]), log
    )


async def test_of_an_endless_answer_only_the_beginning_is_read(web: Web, log: Log) -> None:
    ended = threading.Event()

    def endless(conversation: Conversation) -> None:
        conversation.send_response(500)
        conversation.end_headers()
        try:
            while True:
                conversation.wfile.write(b"x" * 65536)
        except OSError:
            ended.set()

    web.answer = endless
    assert len(await failure(to(web.url()), log)) < 2_000
    assert await asyncio.to_thread(ended.wait, 30)


async def test_an_end_before_the_answer_is_told_in_words(web: Web, log: Log) -> None:
    asked, leave = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        asked.set()
        leave.wait()

    web.answer = wait
    running = asyncio.create_task(to(web.url())(a_run(log)))
    await asyncio.to_thread(asked.wait)
    running.cancel()
    with pytest.raises(HttpError, match="no whole answer yet; whether it took effect is not known"):
        await running
    leave.set()


async def test_a_server_that_hangs_up_leaves_open_whether_it_took_effect(
    web: Web, log: Log
) -> None:
    web.answer = lambda handler: handler.hang_up()
    assert "whether it took effect is not known" in await failure(to(web.url()), log)


async def test_a_server_that_is_not_there_was_sent_nothing(log: Log) -> None:
    with a_web() as web:
        pass
    assert "nothing was sent" in await failure(to(web.url()), log)


async def test_no_proxy_is_asked(web: Web, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    await to(web.url())(a_run(log))
    assert len(web.asked) == 1


# --- where it may go


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
async def test_an_address_of_this_machine_is_refused_however_it_is_written(
    web: Web, log: Log, host: str
) -> None:
    said = await failure(to(web.url(host=host), hosts=[host], networks=()), log)
    assert "not of the public Internet" in said
    assert web.asked == []


async def test_a_name_is_resolved_once_and_asked_where_it_was_looked_at(web: Web, log: Log) -> None:
    """A second look may find another address, which nobody has looked at."""
    names = Names(hook_example=["127.0.0.1"])
    await to(web.url(host=HOOK), resolve=names)(a_run(log))
    assert names.asked == 1
    assert web.asked[0].headers["host"] == f"{HOOK}:{web.port}"


async def test_one_address_that_is_not_allowed_spoils_all_of_a_name(web: Web, log: Log) -> None:
    names = Names(hook_example=["127.0.0.1", "10.0.0.1"])
    said = await failure(to(web.url(host=HOOK), resolve=names), log)
    assert "hook.example has the address 10.0.0.1" in said
    assert web.asked == []


async def test_the_next_address_is_asked_where_one_does_not_answer(web: Web, log: Log) -> None:
    names = Names(hook_example=["127.0.0.2", "127.0.0.1"])
    networks = (ip_network("127.0.0.0/8"),)
    await to(web.url(host=HOOK), resolve=names, networks=networks)(a_run(log))
    assert len(web.asked) == 1


async def test_a_name_without_address_is_told(log: Log) -> None:
    said = await failure(to("http://nope.invalid/", hosts=["nope.invalid"]), log)
    assert "the host nope.invalid has no address" in said


# --- redirects


async def test_a_redirect_to_an_allowed_host_is_followed(web: Web, log: Log) -> None:
    web.answer = lambda handler: (
        handler.say(303, Location="/there") if handler.path == "/" else handler.say(200)
    )
    await to(web.url(), "POST", {"Authorization": "hunter2"}, "body")(a_run(log))
    assert [(each.method, each.path, each.body) for each in web.asked] == [
        ("POST", "/", "body"),
        ("GET", "/there", ""),
    ]
    assert web.asked[1].headers["authorization"] == "hunter2"


async def test_another_host_hears_none_of_the_jobs_headers(web: Web, log: Log) -> None:
    with a_web() as other:
        web.answer = lambda handler: handler.say(307, Location=other.url("/there"))
        headers = {"Authorization": "hunter2", "Content-Type": "text/plain"}
        await to(web.url(), "POST", headers, "body")(a_run(log))
    (asked,) = other.asked
    assert (asked.method, asked.body) == ("POST", "body")
    assert asked.headers["content-type"] == "text/plain"
    assert asked.headers["idempotency-key"] == RUN_ID
    assert "authorization" not in asked.headers


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://evil.example/", "a redirect to 'evil.example', which is not allowed"),
        ("http://127.0.0.1@evil.example/", "'evil.example', which is not allowed"),
        ("file:///etc/passwd", "a redirect to file: not followed"),
        ("http://[::1", "a redirect to no URL"),
        ("http://localhost/", "not of the public Internet"),
    ],
)
async def test_other_redirects_are_not_followed(
    web: Web, log: Log, location: str, words: str
) -> None:
    web.answer = lambda handler: handler.say(302, Location=location)
    names = Names(**{"127_0_0_1": ["127.0.0.1"]}, localhost=["::1"])
    assert words in await failure(to(web.url(), resolve=names), log)
    assert len(web.asked) == 1


async def test_what_goes_wrong_after_a_redirect_does_not_hide_that_it_was_answered(
    web: Web, log: Log
) -> None:
    with a_web() as gone:
        pass
    web.answer = lambda handler: handler.say(307, Location=gone.url())
    assert "it answered 307, a redirect; then: no connection" in await failure(to(web.url()), log)


async def test_a_redirect_that_is_expected_is_not_followed(web: Web, log: Log) -> None:
    web.answer = lambda handler: handler.say(302, Location="/there")
    await to(web.url(), expected=[302])(a_run(log))
    assert len(web.asked) == 1


async def test_redirects_in_a_circle_come_to_an_end(web: Web, log: Log) -> None:
    web.answer = lambda handler: handler.say(302, Location="/")
    assert "redirected more than 5 times" in await failure(to(web.url()), log)


# --- TLS


@pytest.fixture
def secure_web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """A server with a certificate for the name of the hook, from an authority that is trusted."""
    authority = trustme.CA()
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOOK).configure_cert(ours)  # pyright: ignore[reportUnknownMemberType] - also takes an untyped context
    theirs = ssl.create_default_context()
    authority.configure_trust(theirs)  # pyright: ignore[reportUnknownMemberType] - the same
    monkeypatch.setattr(calling, "_tls", lambda: theirs)
    with a_web(ours) as web:
        yield web


async def test_a_certificate_is_checked_for_the_name_not_the_address(
    secure_web: Web, log: Log
) -> None:
    names = Names(hook_example=["127.0.0.1"])
    await to(secure_web.url(host=HOOK, scheme="https"), resolve=names)(a_run(log))
    assert len(secure_web.asked) == 1


async def test_a_certificate_of_another_name_is_refused(secure_web: Web, log: Log) -> None:
    said = await failure(to(secure_web.url(scheme="https")), log)
    assert "certificate verify failed" in said
    assert "nothing was sent" in said


async def test_a_redirect_never_leaves_tls(secure_web: Web, web: Web, log: Log) -> None:
    secure_web.answer = lambda handler: handler.say(302, Location=web.url())
    names = Names(hook_example=["127.0.0.1"])
    said = await failure(to(secure_web.url(host=HOOK, scheme="https"), resolve=names), log)
    assert "a redirect to http: not followed" in said
    assert web.asked == []
