"""The way between the instances and the store: slow, lossy, doubled or cut, as the faults say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

from cronfleet.errors import StoreUnavailableError
from cronfleet.run_id import Instant
from cronfleet.store import Renewal, Seen, StoreInfo
from tests.simulation.case import Fleet
from tests.simulation.hints import Listeners
from tests.simulation.links import Act, Call, Link
from tests.simulation.loop import FaultyLoop
from tests.simulation.mirror import Mirror, Request
from tests.simulation.stores import run_now
from tests.simulation.story import Story
from tests.simulation.verdict import HINT_LOST, Struck

URL = "sim:"


class Network:
    """Carries calls to the store, which takes each as one step when it arrives."""

    def __init__(self, loop: FaultyLoop, mirror: Mirror, story: Story, fleet: Fleet) -> None:
        self._loop = loop
        self._mirror = mirror
        self._story = story
        self._fleet = fleet
        self.outside = Context()
        """Where nothing is an instance's: what runs here goes on whatever they do."""
        self.listeners = Listeners()
        self.race: Callable[[Call], object] = lambda _: None
        """Is told of a call that something is to overtake."""
        self.takes: Callable[[Request], object] = lambda _: None
        """Is told of each call that arrives."""
        self.is_over = False
        self.is_down = False
        self.slow_ms = 0
        """By how much each way takes longer, at the most."""
        self.struck: Struck = Struck()

    def ask(self, link: Link, request: Request, act: Act) -> asyncio.Future[Any]:
        """Send a call. Its answer is the store's, or StoreUnavailableError."""
        answer: asyncio.Future[Any] = self._loop.create_future()
        if self.is_over:
            answer.set_exception(StoreUnavailableError(URL, "the simulation is over"))
            return answer
        trap = traps.popleft() if (traps := link.traps.get(request.op)) else None
        times_out_at = self._loop.now_ms + link.call_ms
        link.in_flight += 1
        answer.add_done_callback(partial(_landed, link), context=self.outside)
        self._send(Call(link, request, act, answer, times_out_at, trap))
        return answer

    def tell(self, topic: str, link: Link | None) -> None:
        """A hint is on its way to those who listen."""
        for hints in self.listeners.of(topic, link):
            if hints.link.cut or hints.link.chance.random() < self._fleet.hints_lost:
                self.strike(HINT_LOST, topic)
            else:
                self.later(self._hop(hints.link), hints.told)

    def later(self, wait_ms: int, act: Callable[..., object], *arguments: object) -> None:
        """Whatever the instances are doing then."""
        self._loop.later(wait_ms, act, *arguments, context=self.outside)

    def strike(self, kind: str, on: str) -> None:
        """A fault has struck."""
        self.struck[kind, on] += 1

    # --- on the way there

    def _send(self, call: Call) -> None:
        if self._is_fatal(call, "before"):
            return
        if self._is_lost(call, "drop-request", "requests"):
            self._give_up(call)
            return
        wait_ms = self._hop(call.link)
        if call.is_trapped("delay-request", "zombie", "race"):
            wait_ms += self._trap(call)
        self.later(wait_ms, self._arrive, call)
        if call.is_trapped("duplicate"):
            self.later(wait_ms + self._trap(call), self._arrive_again, call)
        self._give_up_if_late(call, wait_ms)

    def _trap(self, call: Call) -> int:
        """What else happens as it is sent; answers by how much it is late."""
        assert call.trap
        self.strike(call.trap.kind, call.op)
        if call.is_trapped("zombie"):
            call.link.befall("kill", 0)
        if call.is_trapped("race"):
            self.race(call)
        return call.late_ms

    def _is_fatal(self, call: Call, when: str) -> bool:
        """Whether its instance dies then; it may also be frozen."""
        if not call.is_struck(when):
            return False
        kind = "kill-at" if call.is_trapped("kill-at") else "freeze-at"
        self.strike(kind, f"{call.op} {when}")
        call.link.befall(kind.partition("-")[0], call.late_ms)
        return kind == "kill-at"

    def _is_lost(self, call: Call, kind: str, way: str) -> bool:
        if call.is_trapped(kind):
            self.strike(kind, call.op)
            return True
        if call.link.cut in {way, "both"}:
            self.strike("partition", call.op)
            return True
        return False

    # --- at the store

    def _arrive(self, call: Call) -> None:
        if self.is_down:
            self.strike("down", call.op)
            refused = StoreUnavailableError(URL, "connection refused")
            self.later(self._hop(call.link), self._deliver, call, None, refused)
            return
        answer, error = self._take(call)
        if self._is_fatal(call, "applied"):
            return
        if self._is_lost(call, "drop-answer", "answers"):
            self._give_up(call)
        else:
            self._answer(call, answer, error)

    def _arrive_again(self, call: Call) -> None:
        if not self.is_down and not self.is_over:
            self._take(call)

    def _take(self, call: Call) -> tuple[Any, BaseException | None]:
        self._mirror.request = call.request
        self.takes(call.request)
        try:
            answer, error = run_now(call.act()), None
        except Exception as raised:  # noqa: BLE001 - it is the caller's
            answer, error = None, raised
        call.store = self._mirror.emptied
        self._story.took(call.link.who, call.op, answer)
        return answer, error

    # --- on the way back

    def _answer(self, call: Call, answer: Any, error: BaseException | None) -> None:
        wait_ms = self._hop(call.link)
        if call.is_trapped("delay-answer"):
            wait_ms += self._trap(call)
        self.later(wait_ms, self._deliver, call, answer, error)
        self._give_up_if_late(call, wait_ms)

    def _deliver(self, call: Call, answer: Any, error: BaseException | None) -> None:
        if call.answer.done():
            return
        if error is None:
            if now := _time_shown(answer):
                call.link.saw(call.store, now)
            call.answer.set_result(answer)
        else:
            call.answer.set_exception(error)
        self._is_fatal(call, "answered")

    def _give_up_if_late(self, call: Call, wait_ms: int) -> None:
        if self._loop.now_ms + wait_ms > call.times_out_at:
            self._give_up(call)

    def _give_up(self, call: Call) -> None:
        left_ms = max(0, call.times_out_at - self._loop.now_ms)
        error = StoreUnavailableError(URL, "no answer came in time")
        self.later(left_ms, self._deliver, call, None, error)

    def _hop(self, link: Link) -> int:
        wait_ms = link.chance.randrange(self._fleet.latency + 1)
        if self.slow_ms:
            self.strike("slow", "any")
            wait_ms += link.chance.randrange(self.slow_ms)
        return wait_ms


def _time_shown(answer: Any) -> Instant | None:
    """The store's time, where an answer has it."""
    shown = answer.info if isinstance(answer, Renewal) else answer
    return shown.now if isinstance(shown, StoreInfo | Seen) else None


def _landed(link: Link, answer: asyncio.Future[Any]) -> None:
    link.in_flight -= 1
    if not answer.cancelled():
        answer.exception()  # Whoever asked may be dead, and nobody else looks at it.
