from __future__ import annotations

import asyncio
import resource
import signal
import socket

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from cronfleet import ConfigurationError
from cronfleet.server import serving
from cronfleet.server.security import HEADERS
from cronfleet.server.serving import Serving, bind


async def greet(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_it_answers_for_the_length_of_the_block() -> None:
    listener = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    async with Serving(greet, listener), httpx.AsyncClient() as client:
        assert (await client.get(url)).text == "hello"
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


def test_no_part_of_an_answer_waits_for_another_to_be_acknowledged() -> None:
    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_an_answer_under_way_does_not_hold_up_the_end_for_long() -> None:
    asked = asyncio.Event()

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await asyncio.Event().wait()

    listener = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    async with httpx.AsyncClient() as client:
        async with Serving(never, listener):
            asking = asyncio.create_task(client.get(url))
            await asked.wait()
        assert (await asking).status_code == 500


async def test_the_signals_are_left_to_the_scheduler() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    listener = bind("127.0.0.1", 0)
    async with Serving(greet, listener), httpx.AsyncClient() as client:
        await client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        during = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert during == before


async def answer_to(request: bytes) -> str:
    """What stands on the wire when the server has answered these bytes and closed."""
    listener = bind("127.0.0.1", 0)
    async with Serving(greet, listener):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(request)
        answer = await reader.read()
        writer.close()
    return answer.decode()


async def test_an_answer_to_what_is_no_request_is_marked_as_any_other() -> None:
    answer = await answer_to(b"\x16\x03 this is no request\r\n\r\n")
    assert answer.startswith("HTTP/1.1 400 ")
    for name, value in HEADERS.items():
        assert f"\r\n{name}: {value}\r\n" in answer


async def test_whoever_asks_for_a_web_socket_gets_an_answer_and_no_advice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = await answer_to(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n"
    )
    assert answer.startswith("HTTP/1.1 200 ")
    assert caplog.text == ""


@pytest.mark.parametrize(
    "begun",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
        b"GET /",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ",
    ],
    ids=["header", "address", "trailer"],
)
async def test_what_stands_around_a_body_has_an_end(begun: bytes) -> None:
    endless = begun + b"x" * (serving.MOST_HEAD_BYTES + 1 - len(begun))
    assert (await answer_to(endless)).startswith("HTTP/1.1 400 ")


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
async def test_whoever_connects_and_does_not_ask_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(serving, "_HEAD_TIMEOUT_S", 0.01)
    assert await answer_to(begun) == ""


@pytest.mark.parametrize("more", [b"\r\n", b"GET /"])
async def test_whoever_has_asked_and_begins_once_more_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, more: bytes
) -> None:
    monkeypatch.setattr(serving, "_HEAD_TIMEOUT_S", 0.01)
    listener = bind("127.0.0.1", 0)
    async with Serving(greet, listener):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"hello")
        writer.write(more)
        await reader.read()
        writer.close()


async def test_an_answer_takes_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However short the patience with those who ask: an open stream of events says nothing more."""
    monkeypatch.setattr(serving, "_HEAD_TIMEOUT_S", 0)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        for _ in range(10):
            await asyncio.sleep(0)  # The timer's turns, if there were one.
        await greet(scope, receive, send)

    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with Serving(slow, listener):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_whoever_connects_leaves_half_of_the_files_to_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def allowed(_: int) -> tuple[int, int]:
        return 2, 2

    monkeypatch.setattr(resource, "getrlimit", allowed)
    listener = bind("127.0.0.1", 0)
    async with Serving(greet, listener), httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        assert (await client.get(url)).text == "hello"
        async with httpx.AsyncClient() as another:
            with pytest.raises(httpx.HTTPError):
                await another.get(url)
        assert (await client.get(url)).text == "hello"


def test_a_port_in_use_is_named_with_another_to_try() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ConfigurationError, match=f"port {port} on localhost is in use"
        ) as raised:
            bind("localhost", port)
    assert f"PORT={port + 1} cronfleet run" in str(raised.value)


def test_an_address_that_is_not_here_is_named() -> None:
    with pytest.raises(ConfigurationError, match="cannot be listened on"):
        bind("203.0.113.1", 0)


def test_localhost_is_this_machine_alone() -> None:
    with bind("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_six_is_listened_on_alone() -> None:
    try:
        listener = bind("::1", 0)
    except ConfigurationError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with listener:
        assert listener.family is socket.AF_INET6
