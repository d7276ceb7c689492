"""A request's body, read before anything is done with it: never more than is ever needed."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from cronfleet.server.access.refusals import TooLargeError, TooSlowError
from cronfleet.server.problems import RefusedError

MOST_BYTES = 96 * 1024
"""A job's arguments take 64 KiB at the most; the rest is what stands around them."""
BODY_TIMEOUT_S = 10

_TOO_LARGE = f"a body has at most {MOST_BYTES} bytes here"


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """Raises RefusedError: for one that is too large, comes too slowly, or not whole."""
    if _announced(headers) > MOST_BYTES:
        raise TooLargeError(_TOO_LARGE)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _all_of(receive)
    except TimeoutError:
        raise TooSlowError(f"the body did not come within {BODY_TIMEOUT_S} s") from None


def replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, for the application, and then whatever else comes."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again


def _announced(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if len(text) < 10 and text.isdecimal() else MOST_BYTES + 1


async def _all_of(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError("the body did not come whole")
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MOST_BYTES:
            raise TooLargeError(_TOO_LARGE)
    return bytes(body)
