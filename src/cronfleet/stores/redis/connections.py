"""The driver, behind types: its own are half unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

MOST_CONNECTIONS = 8


class Connections(Protocol):
    """A pool of asynchronous connections."""

    async def evalsha(self, sha: str, numkeys: int, *arguments: str | int) -> Any: ...
    async def eval(self, text: str, numkeys: int, *arguments: str | int) -> Any: ...
    async def aclose(self) -> None: ...


class Connection(Protocol):
    """One blocking connection."""

    def evalsha(self, sha: str, numkeys: int, *arguments: str | int) -> Any: ...
    def eval(self, text: str, numkeys: int, *arguments: str | int) -> Any: ...
    def close(self) -> None: ...


def connections(url: str, timeout_s: float) -> Connections:
    """Made when they are needed. A call that finds none free in time fails."""
    pool = cast("Any", BlockingConnectionPool).from_url(
        url,
        max_connections=MOST_CONNECTIONS,
        timeout=timeout_s,
        retry=AsyncRetry(NoBackoff(), 0),
        **_options(timeout_s),
    )
    return cast("Connections", AsyncRedis.from_pool(pool))


def connection(url: str, timeout_s: float) -> Connection:
    """One connection, made when it is needed."""
    retry = Retry(NoBackoff(), 0)
    return cast("Any", Redis).from_url(url, retry=retry, **_options(timeout_s))


def _options(timeout_s: float) -> dict[str, Any]:
    # Said in full: the driver's defaults changed more than once, and by them it sends a command
    # again whose answer was lost.
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "decode_responses": True,
        "protocol": 2,
        "client_name": "cronfleet",
    }


async def described(client: Connections) -> tuple[Mapping[str, str], Mapping[str, str] | None]:
    """What the server says of itself, and its configuration if it lets us ask."""
    server = cast("Any", client)
    info: Mapping[str, str] = await server.info("server")
    try:
        config: Mapping[str, str] = await server.config_get("*")
    except ResponseError:
        return info, None
    return info, config
