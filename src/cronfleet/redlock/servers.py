"""Independent servers, asked all at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from importlib.resources import files
from importlib.util import find_spec
from typing import Any, NamedTuple, cast

from cronfleet.errors import ConfigurationError, MissingExtraError
from cronfleet.masking import masked

log: logging.Logger = logging.getLogger(__name__)

FEWEST_SERVERS = 3


class Votes(NamedTuple):
    """How many servers said yes and no; the others gave no answer."""

    yes: int
    no: int
    servers: int

    @property
    def quorum(self) -> int:
        return self.servers // 2 + 1

    @property
    def is_granted(self) -> bool:
        return self.yes >= self.quorum

    @property
    def is_refused(self) -> bool:
        """Whether no majority can have said yes, whatever the others would have answered."""
        return self.servers - self.no < self.quorum

    def __str__(self) -> str:
        silent = self.servers - self.yes - self.no
        return f"{self.yes} of {self.servers} servers agreed, {silent} gave no answer"


class Servers:
    """Raises ConfigurationError for URLs that cannot be used, MissingExtraError without a driver."""

    def __init__(self, urls: Sequence[str], timeout: timedelta) -> None:
        if find_spec("redis") is None:
            raise MissingExtraError("Redlock", "redis")
        if len(set(urls)) < max(len(urls), FEWEST_SERVERS):
            raise ConfigurationError(
                f"Redlock asks a majority of independent servers: name {FEWEST_SERVERS} different "
                "ones or more, best 5; for one server there is Scheduler.lock"
            )
        self._servers = [_Server(url, timeout.total_seconds()) for url in urls]

    async def set(self, name: str, value: str, ttl_ms: int) -> Votes:
        return await self._all(lambda server: server.set(name, value, ttl_ms))

    async def renew(self, name: str, value: str, ttl_ms: int) -> Votes:
        return await self._all(lambda server: server.renew(name, value, ttl_ms))

    async def release(self, name: str, value: str) -> Votes:
        return await self._all(lambda server: server.release(name, value))

    async def aclose(self) -> None:
        await asyncio.gather(*(server.aclose() for server in self._servers))

    async def _all(self, ask: Callable[[_Server], Awaitable[bool | None]]) -> Votes:
        answers = await asyncio.gather(*(ask(server) for server in self._servers))
        return Votes(answers.count(True), answers.count(False), len(answers))


class _Server:
    """One of them. Its answers are yes, no, or None."""

    def __init__(self, url: str, timeout_s: float) -> None:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError

        self._name = masked(url)
        self._errors = (RedisError, OSError)
        self._timeout_s = timeout_s
        try:
            # By the driver's own retries a command whose answer was lost would be sent again.
            self._client = cast("Any", Redis).from_url(
                url,
                socket_timeout=timeout_s,
                socket_connect_timeout=timeout_s,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        except ValueError:
            raise ConfigurationError(
                f"the server's URL {self._name} cannot be read: write redis://:password@host:6379/0"
            ) from None

    async def set(self, name: str, value: str, ttl_ms: int) -> bool | None:
        return await self._answer(self._client.set(name, value, nx=True, px=ttl_ms))

    async def renew(self, name: str, value: str, ttl_ms: int) -> bool | None:
        return await self._answer(self._client.eval(_lua("renew"), 1, name, value, ttl_ms))

    async def release(self, name: str, value: str) -> bool | None:
        return await self._answer(self._client.eval(_lua("release"), 1, name, value))

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _answer(self, call: Awaitable[Any]) -> bool | None:
        try:
            async with asyncio.timeout(self._timeout_s):  # Of all steps, connecting included.
                return bool(await call)
        except self._errors as error:
            log.debug("%s gave no answer: %r", self._name, error)
            return None


def _lua(name: str) -> str:
    return _SCRIPTS[name]


_SCRIPTS = {
    name: (files("cronfleet.redlock") / f"{name}.lua").read_text("utf-8")
    for name in ("renew", "release")
}
