"""The process of a run: it finds the handler, enters it when told to, and tells how it ended."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from io import TextIOWrapper
from types import FrameType
from typing import cast

from cronfleet.context import RUN_LOGGER, RunContext
from cronfleet.engine.isolated.address import MAIN, MAIN_ELSEWHERE, Address, find
from cronfleet.engine.isolated.inside import ImportedEnough, Place, enter
from cronfleet.engine.isolated.system import be_first_to_go, lift_memory_limit, limit_memory
from cronfleet.engine.isolated.wire import MOST_KINDS, Message, context_of, encode, heard, text_of
from cronfleet.engine.known import Handler
from cronfleet.engine.saying import said, wrongly_awaitable


class ToldToEnd(SystemExit):
    """Raised in a plain handler that is told to end, wherever it stands."""


class Worker:
    """Carries out one run."""

    def __init__(self, channel: socket.socket, setup: Message) -> None:
        self._teller = Teller(channel)
        self._heard = heard(channel)
        self._setup = setup
        self._address = Address(**setup["address"])

    def work(self) -> None:
        """Returns when all is told; the interpreter then ends as any does."""
        self._prepare()
        enter(Place.IMPORTING)
        try:
            handler = cast("Handler", find(self._address))
        except BaseException as error:  # noqa: BLE001 - whatever an import raises must be told
            self._tell_unfit(error)
            return
        self._teller.say({"is": "ready"})
        order = next(self._heard, None)
        if order is None:
            return  # Its instance thought better of it, or is gone.
        enter(Place.CARRYING_OUT)
        self._carry_out(handler, context_of(order))

    def _prepare(self) -> None:
        faulthandler.enable()  # So that a crash leaves more than the number of a signal.
        for stream in (sys.stdout, sys.stderr):
            cast("TextIOWrapper", stream).reconfigure(line_buffering=True)
        be_first_to_go()
        if (most_bytes := self._setup["most_bytes"]) is not None:
            limit_memory(most_bytes)
        # Before the import: a program that configures logging of its own has the last word.
        root = logging.getLogger()
        root.setLevel(self._setup["log_level"])
        root.addHandler(_Forward(self._teller))
        logging.getLogger(RUN_LOGGER).setLevel(self._setup["run_log_level"])

    def _tell_unfit(self, error: BaseException) -> None:
        if isinstance(error, ImportedEnough):
            error = RuntimeError(
                "it starts the scheduler when it is imported: "
                'move that under `if __name__ == "__main__":`'
            )
        self._tell("unfit", error)

    def _carry_out(self, handler: Handler, context: RunContext) -> None:
        threading.Thread(target=self._hear, args=(context,), daemon=True).start()
        me = os.getpid()
        call = _Awaited(handler) if self._setup["is_coroutine"] else _Called(handler)
        error = call.carry_out(context)
        if os.getpid() != me:  # A copy that the handler forked, and did not end.
            sys.stdout.flush()
            os._exit(0)
        if error is None:
            self._teller.say({"is": "ended", "how": "returned"})
        elif call.was_told and isinstance(error, ToldToEnd | asyncio.CancelledError):
            self._teller.say({"is": "ended", "how": "told"})
        else:
            self._tell("ended", error, how="raised")

    def _hear(self, context: RunContext) -> None:
        for message in self._heard:
            match message.get("is"):
                case "lost":
                    context.lost.set()
                case "draining":
                    context.draining.set()
                case _:
                    pass  # Of a newer version.

    def _tell(self, what: str, error: BaseException, **more: str) -> None:
        lift_memory_limit()
        message = {"is": what, "said": said(error), "kinds": self._kinds(error), **more}
        try:
            trace = "".join(traceback.format_exception(error))
        except (MemoryError, RecursionError):
            trace = ""
        self._teller.say(message | {"trace": trace[-_MOST_TRACE:]})

    def _kinds(self, error: BaseException) -> list[str]:
        """The names of its classes, as the program knows them."""
        mains = {MAIN_ELSEWHERE, self._address.main}
        return [
            f"{MAIN if each.__module__ in mains else each.__module__}.{each.__qualname__}"
            for each in type(error).__mro__[:MOST_KINDS]
        ]


_MOST_TRACE = 6_000


class _Called:
    """A plain handler, in the main thread, where signals are heard."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._is_inside = False
        self.was_told = False

    def carry_out(self, context: RunContext) -> BaseException | None:
        """Answers what it raised."""
        signal.signal(signal.SIGTERM, self._told)
        try:
            self._is_inside = True
            answer = self._handler(context)
            self._is_inside = False
        except BaseException as error:  # noqa: BLE001 - whatever it raises is an outcome
            self._is_inside = False
            return error
        return wrongly_awaitable(answer, context.job)

    def _told(self, _: int, __: FrameType | None) -> None:
        if self._is_inside and not self.was_told:
            self.was_told = True
            raise ToldToEnd


class _Awaited:
    """A coroutine, in an event loop of its own."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.was_told = False

    def carry_out(self, context: RunContext) -> BaseException | None:
        """Answers what it raised."""
        try:
            asyncio.run(self._carry_out(context))
        except BaseException as error:  # noqa: BLE001 - whatever it raises is an outcome
            return error
        return None

    async def _carry_out(self, context: RunContext) -> None:
        task = asyncio.current_task()

        def told() -> None:
            if task and not self.was_told:
                self.was_told = True
                task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told)
        await cast("Awaitable[object]", self._handler(context))


class Teller:
    """Writes messages into the channel, from any thread; in a forked copy of the process, none."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._pid = os.getpid()

    def say(self, message: Message) -> bool:
        """Answers whether it was said."""
        if os.getpid() != self._pid:
            return False
        with suppress(OSError), self._lock:  # Nobody listens any more: the keeper will see to it.
            # What a signal broke off in the middle is a line of its own, and no message.
            self._channel.sendall(b"\n" + encode(message))
        return True


class _Forward(logging.Handler):
    """Hands what is logged here over to the instance, which logs it as its own."""

    def __init__(self, teller: Teller) -> None:
        super().__init__()
        self._say: Callable[[Message], bool] = teller.say

    def emit(self, record: logging.LogRecord) -> None:
        text = text_of(self.format(record))
        message = {"is": "log", "name": record.name, "level": record.levelno, "text": text}
        if not self._say(message):
            sys.stderr.write(f"{record.levelname} {text}\n")
