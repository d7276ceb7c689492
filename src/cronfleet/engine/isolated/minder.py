"""A thread that minds the process of one run, whatever the event loop does meanwhile."""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from cronfleet.context import RUN_LOGGER, RunContext
from cronfleet.engine.isolated.spawned import Spawned, surroundings
from cronfleet.engine.isolated.verdict import Story, verdict
from cronfleet.engine.isolated.wire import Message, failure_of, text_of, to_enter
from cronfleet.engine.known import Isolated, KnownJob
from cronfleet.errors import CronfleetError, ProcessEndedError
from cronfleet.model import OnLost, Outcome

log: logging.Logger = logging.getLogger(__name__)

BOOT_S = 60.0
"""How long a process may take until its handler is found."""

KEEPER_S = 5.0
"""How long after its order to kill a keeper is waited for."""

_LOOK_S = 0.05
"""How often it looks at what nobody wakes it for."""


@dataclass(frozen=True, slots=True)
class Graces:
    """How long a process that was told to end may take, in milliseconds."""

    cancel_ms: int = 5_000
    loss_ms: int = 500
    """The same when its session is about to be closed: it must be dead by then."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be carried out."""

    job: KnownJob
    isolated: Isolated
    context: RunContext
    holds: Callable[[], bool]
    """Whether the run is still this instance's. Asked from the minder's thread."""
    graces: Graces = Graces()


_Limit: TypeAlias = tuple[float, Callable[[], None]]


class Minder:
    """Spawns a process, lets it enter the handler, and ends it when it is time."""

    def __init__(self, order: Order, cancelled: Callable[[Outcome], None]) -> None:
        """`cancelled` is told, in the minder's thread, why it tells the process to end."""
        self._order = order
        self._cancelled = cancelled
        self._story = Story()
        self._graces_ms: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._limit: _Limit | None = None
        self._kill_at: float | None = None
        self._told_at: float | None = None
        self._is_ready = False
        self._is_killed = False
        self._said: set[str] = set()
        self.was_refused: bool = False
        """The session had run out before the handler was entered."""

    # --- from any thread

    def stop(self, grace_ms: int) -> None:
        """Tell the process to end, and kill it after the grace. May be called again."""
        self._graces_ms.put(grace_ms)

    # --- the minder's thread

    def mind(self) -> CronfleetError | None:
        """Answers when the process and its group are gone: what the handler raised, in words."""
        try:
            process = Spawned(self._setup(), f"cronfleet:{self._order.context.run_id}")
        except OSError as error:
            return ProcessEndedError(f"no process could be started for it: {error}")
        with process:
            self._story.output = process.output
            self._limit = (time.monotonic() + BOOT_S, self._boot_is_over)
            while process.exit is None:
                for message in process.listen(self._wait_s()):
                    self._hear(message, process)
                self._look_around(process)
            self._story.exit = process.exit
        self._tell()
        return verdict(self._story)

    def _setup(self) -> Message:
        isolated = self._order.isolated
        return {
            "is": "setup",
            **surroundings(),
            "address": asdict(isolated.address),
            "is_coroutine": self._order.job.is_coroutine,
            "most_bytes": isolated.memory_limit_mb and isolated.memory_limit_mb * 1024 * 1024,
            "log_level": logging.getLogger().level,
            "run_log_level": self._order.context.log.getEffectiveLevel(),
        }

    def _wait_s(self) -> float:
        now = time.monotonic()
        ends = [end for end in (self._kill_at, self._limit and self._limit[0]) if end]
        return max(0.0, min([_LOOK_S, *(end - now for end in ends)]))

    # --- what it says

    def _hear(self, message: Message, process: Spawned) -> None:
        match message.get("is"):
            case "ready" if not self._is_ready:
                self._is_ready = True
                self._let_it_enter(process)
            case "unfit":
                self._story.unfit = failure_of(message)
            case "ended" if not self._story.how:  # The first word counts.
                self._story.how = text_of(message.get("how"))
                self._story.failure = failure_of(message)
                grace_s = self._order.graces.cancel_ms / 1000
                self._limit = (time.monotonic() + grace_s, self._lingers)
            case "log":
                self._log(message)
            case _:
                pass

    def _let_it_enter(self, process: Spawned) -> None:
        """Its second look at the session: that may have run out while the process began."""
        if not self._order.holds():
            self.was_refused = True
            self._limit = None
            self.stop(0)
            return
        timeout_ms = self._order.job.definition.timeout_ms
        self._limit, deadline = None, None
        if timeout_ms is not None:
            self._limit = (time.monotonic() + timeout_ms / 1000, self._time_is_over)
            deadline = datetime.now(UTC) + timedelta(milliseconds=timeout_ms)
        process.say(to_enter(self._order.context, deadline))

    def _log(self, message: Message) -> None:
        level, name = message.get("level"), text_of(message.get("name"))[:200]
        run_log = self._order.context.log
        logger = run_log.logger if name == RUN_LOGGER else logging.getLogger(name)
        if isinstance(level, int) and logger.isEnabledFor(level):
            logger.log(level, "%s", text_of(message.get("text")), extra=run_log.extra)

    # --- what time it is

    def _look_around(self, process: Spawned) -> None:
        self._pass_on(process)
        if self._limit and time.monotonic() >= self._limit[0]:
            _, act = self._limit
            self._limit = None
            act()
        self._end_what_is_lost()
        while not self._graces_ms.empty():
            self._stop(process, self._graces_ms.get() / 1000)
        self._kill_in_time(process)

    def _pass_on(self, process: Spawned) -> None:
        context = self._order.context
        for name, event in (("lost", context.lost), ("draining", context.draining)):
            if event.is_set() and name not in self._said:
                self._said.add(name)
                process.say({"is": name})

    def _boot_is_over(self) -> None:
        self._story.killed = (
            f"its handler was not imported within {BOOT_S:g} s, so its process was killed"
        )
        self.stop(0)

    def _time_is_over(self) -> None:
        self._cancelled(Outcome.TIMED_OUT)
        self.stop(self._order.graces.cancel_ms)

    def _lingers(self) -> None:
        log.warning(
            "%s: its process goes on although its handler has ended; it is told to end",
            self._order.context.run_id,
            extra=self._order.context.log.extra,
        )
        self.stop(self._order.graces.cancel_ms)

    def _end_what_is_lost(self) -> None:
        """A run that may run again elsewhere must have ended by then, though the loop be blocked."""
        is_repeatable = self._order.job.definition.on_lost is OnLost.RERUN
        if is_repeatable and "loss" not in self._said and not self._order.holds():
            self._said.add("loss")
            self._cancelled(Outcome.LOST)
            self.stop(self._order.graces.loss_ms)

    def _stop(self, process: Spawned, grace_s: float) -> None:
        now = time.monotonic()
        if self._told_at is None and grace_s > 0:
            process.tell_to_end()
            self._story.was_told = True
        self._told_at = self._told_at or now
        self._kill_at = min(self._kill_at or now + grace_s, now + grace_s)

    def _kill_in_time(self, process: Spawned) -> None:
        now = time.monotonic()
        if self._kill_at is None or now < self._kill_at:
            return
        if self._is_killed:
            process.kill_keeper()
            self._kill_at = now + KEEPER_S
            return
        self._is_killed = True
        took_s = now - (self._told_at or now)
        self._story.killed = self._story.killed or _why_killed(took_s)
        process.kill()
        self._kill_at = now + KEEPER_S

    # --- what is to be said of it

    def _tell(self) -> None:
        context = self._order.context
        if self._story.exit.left and not self._is_killed:
            left = "%s: it left processes behind, which were ended"
            log.warning(left, context.run_id, extra=context.log.extra)
        if text := self._story.output.text():
            context.log.info("%s printed:\n%s", context.run_id, text)


def _why_killed(took_s: float) -> str:
    if took_s < 0.001:
        return "its process was killed"
    return f"it did not end within {took_s:.1f} s of being told to, so its process was killed"
