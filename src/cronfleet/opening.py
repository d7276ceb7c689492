"""The store of a process: opened when it is first needed, in one event loop."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from cronfleet.clock import Clock, SystemClock
from cronfleet.errors import StoreUnavailableError
from cronfleet.forks import begins_anew_when_forked, leave_to_the_parent
from cronfleet.loops import refuse_halted, run_in
from cronfleet.store import Store, StoreInfo

log: logging.Logger = logging.getLogger(__name__)

Given = ParamSpec("Given")
Told = TypeVar("Told")
Asked = TypeVar("Asked", bound="Opener")


def in_its_loop(
    verb: Callable[Concatenate[Asked, Given], Coroutine[Any, Any, Told]],
) -> Callable[Concatenate[Asked, Given], Coroutine[Any, Any, Told]]:
    """Let a verb run in the event loop in which the store is open, whatever loop asks for it."""

    @functools.wraps(verb)
    async def ask(opener: Asked, *given: Given.args, **named: Given.kwargs) -> Told:
        home = opener.home
        if home is None or home is asyncio.get_running_loop():
            return await verb(opener, *given, **named)
        refuse_halted(home)
        return await run_in(home, verb(opener, *given, **named))

    return ask


class Opener:
    """One store, and the event loop in which it is open."""

    def __init__(self, store: Store, patience: timedelta) -> None:
        self._store = store
        self._patience = patience
        self._clock: Clock = SystemClock()
        self._info: StoreInfo | None = None
        self.home: asyncio.AbstractEventLoop | None = None
        """The event loop in which the store is open."""
        begins_anew_when_forked(self)

    def begin_anew(self) -> None:
        """In a process that was forked: the store is open in the other one."""
        leave_to_the_parent(self._store, self.home)
        self._store = self._store.another()
        self._info = self.home = None

    def _turn_to(self, store: Store, clock: Clock) -> None:
        """Work with another store, which is not open yet."""
        self._store, self._clock = store, clock
        self._info = self.home = None

    async def aclose(self) -> None:
        """Give the store's connections back. For those who only look or order."""
        home = self.home
        if home is None or home is asyncio.get_running_loop() or not home.is_running():
            await self._close()
        else:
            await run_in(home, self._close())

    async def _close(self) -> None:
        self._info = self.home = None
        await self._store.aclose()

    async def _opened(self) -> Store:
        if self._info is None:
            await self._open()
        return self._store

    async def _opened_at_once(self) -> Store:
        """As `_opened`, without patience."""
        if self._info is None:
            await self._open(open_once)
        return self._store

    async def _open(self, open_: Callable[[Store], Awaitable[StoreInfo]] | None = None) -> None:
        self.home = asyncio.get_running_loop()  # From now on: other loops are to keep away.
        try:
            self._info = await (open_ or self._patiently)(self._store)
        finally:
            if self._info is None:
                self.home = None

    async def _patiently(self, store: Store) -> StoreInfo:
        """Open a store; one that is not up yet is waited for."""
        until = self._clock.boot_ms() + self._patience / timedelta(milliseconds=1)
        waits = False
        while True:
            try:
                return await store.open()
            except StoreUnavailableError as error:
                if self._clock.boot_ms() >= until:
                    raise
                if not waits:
                    log.warning("waiting up to %d s: %s", self._patience.total_seconds(), error)
                waits = True
                await asyncio.sleep(0.5)


async def open_once(store: Store) -> StoreInfo:
    """Without patience."""
    return await store.open()
