"""What stands between each instance and the store: a proxy of its own, where there is one server."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.chaos.proxy import Proxies, Proxy, Trouble

SCHEMES = frozenset({"redis", "postgresql"})
"""Not those by which a client asks whom it is to call, for it would call past the proxy."""


class Network:
    """Of a fleet, whose instances have numbers. One trouble at a time strikes an instance."""

    def __init__(self, url: str, proxies: Proxies) -> None:
        self._url = url
        self._proxies = proxies
        self._before: dict[int, tuple[Proxy, str]] = {}
        self._troubled: set[int] = set()

    @property
    def scheme(self) -> str:
        return urlsplit(self._url).scheme

    @property
    def can_strike(self) -> bool:
        return self.scheme in SCHEMES

    @property
    def store(self) -> tuple[str, int]:
        """Host and port of the server."""
        address = urlsplit(self._url)
        assert address.hostname
        assert address.port
        return address.hostname, address.port

    def address(self, number: int) -> str:
        """The URL of the store for this instance."""
        if not self.can_strike:
            return self._url
        if number not in self._before:
            self._before[number] = self._proxies.before(self._url)
        return self._before[number][1]

    def is_troubled(self, number: int) -> bool:
        return number in self._troubled

    async def strike(self, number: int, trouble: Trouble, for_s: float) -> bool:
        """Whether the trouble did anything in this time; not if another one is under way."""
        if number in self._troubled:
            return False
        proxy, _ = self._before[number]
        self._troubled.add(number)
        self._proxies.begin(proxy, trouble)
        try:
            await asyncio.sleep(for_s)
        finally:
            struck = self._proxies.end(proxy)
            self._troubled.discard(number)
        return struck > 0


@contextmanager
def network(url: str) -> Generator[Network]:
    """Between a fleet and the store at this URL, while it lasts."""
    with Proxies() as proxies:
        yield Network(url, proxies)
