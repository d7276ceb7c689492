"""The driver, behind types: its own are half unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from redis import Redis
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from cronfleet.errors import ConfigurationError
from cronfleet.masking import masked

MOST_CONNECTIONS = 8

_SAID_BY_THE_URL = {"host", "port", "db", "username", "password", "path", "connection_class"}


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


def check_url(url: str) -> None:
    """Refuse what the driver would ignore, or would prefer to what we tell it.

    Raises ConfigurationError.
    """
    try:
        said = cast("dict[str, object]", parse_url(url))
        number = urlsplit(url).path.strip("/")
        if "path" not in said and number:
            int(number)  # The driver takes what is no number for database 0.
    except ValueError:
        raise ConfigurationError(  # Without the cause, which may show a piece of the password.
            f"the store's URL {masked(url)} cannot be read: write redis://:password@host:6379/0, "
            "and in the password %2F for a slash, %40 for @, %23 for #"
        ) from None
    unknown = [name for name in said if name not in _SAID_BY_THE_URL and name[:4] != "ssl_"]
    if unknown:
        raise ConfigurationError(
            f"the store's URL {masked(url)} says {', '.join(unknown)}, which it cannot: remove it"
        )


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
    config: dict[str, str] = {}
    try:
        for name in ("maxmemory*", "appendonly", "save"):  # And no more: there are passwords.
            config |= await server.config_get(name)
    except ResponseError:
        return info, None
    return info, config
