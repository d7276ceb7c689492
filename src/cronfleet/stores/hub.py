"""Hints within this process: whoever listens to a topic is told, in its own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict


class Hub:
    """Listeners by topic. `tell` may be called from any thread."""

    def __init__(self) -> None:
        self._listeners: defaultdict[str, set[Listener]] = defaultdict(set)
        self._lock = threading.Lock()

    def listen(self, topic: str) -> Listener:
        """From now on; call it in the event loop that will wait."""
        listener = Listener(self, topic)
        with self._lock:
            self._listeners[topic].add(listener)
        return listener

    def drop(self, listener: Listener) -> None:
        with self._lock:
            self._listeners[listener.topic].discard(listener)
            if not self._listeners[listener.topic]:
                del self._listeners[listener.topic]

    def topics(self) -> frozenset[str]:
        """What somebody listens to now."""
        with self._lock:
            return frozenset(self._listeners)

    def tell(self, topic: str) -> None:
        """Something about the topic may have changed."""
        with self._lock:
            listeners = list(self._listeners.get(topic, ()))
        for listener in listeners:
            listener.told()

    def tell_all(self) -> None:
        """Hints may have been missed: everybody had better look."""
        for topic in self.topics():
            self.tell(topic)


class Listener:
    """The `Hints` of one listener."""

    def __init__(self, hub: Hub, topic: str) -> None:
        self.topic: str = topic
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()

    async def next(self) -> None:
        await self._told.wait()
        self._told.clear()

    def close(self) -> None:
        self._hub.drop(self)

    def told(self) -> None:
        """From any thread."""
        if self._loop is _running_loop():
            self._told.set()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told.set)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
