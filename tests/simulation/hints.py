"""Hints on their way: late, or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.links import Link


class Hints:
    """What one instance hears about a topic."""

    def __init__(self, link: Link, topic: str, close: Callable[[Hints], None]) -> None:
        self.link = link
        self.topic = topic
        self._close = close
        self._told = asyncio.Event()

    async def next(self) -> None:
        await self._told.wait()
        self._told.clear()

    def told(self) -> None:
        self._told.set()

    def close(self) -> None:
        self._close(self)


class Listeners:
    """All who listen, in the order in which they came."""

    def __init__(self) -> None:
        self._all: list[Hints] = []

    def listen(self, link: Link, topic: str) -> Hints:
        hints = Hints(link, topic, self._leave)
        self._all.append(hints)
        return hints

    def of(self, topic: str, link: Link | None) -> list[Hints]:
        """Those of a topic; of one link, if it is named."""
        self._all = [each for each in self._all if not each.link.is_dead]
        return [each for each in self._all if each.topic == topic and link in {None, each.link}]

    def _leave(self, hints: Hints) -> None:
        if hints in self._all:
            self._all.remove(hints)


@dataclass(frozen=True, slots=True)
class Hub:
    """In the place of a store's own: it tells everybody, or those on one link."""

    send: Callable[[str, Link | None], None]
    link: Link | None = None

    def tell(self, topic: str) -> None:
        self.send(topic, self.link)
