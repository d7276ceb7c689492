"""Pings, sent beside the work: no run waits for one, and none is lost at the end of a drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial

from cronfleet import Scheduler
from cronfleet.apps.guarded_http.allowing import Network
from cronfleet.apps.guarded_http.calling import Ask, Caller, HttpError, Resolve, resolve
from cronfleet.apps.pings.asking import Checks, allowed, ping_of
from cronfleet.events import Event

log: logging.Logger = logging.getLogger(__name__)

TIMEOUT_S = 10
TRIES = 3
REST_S = 1
"""Between two tries."""
AT_A_TIME = 10
MOST_WAITING = 1_000
"""With so many under way, the service is away: what comes on top of that is let go."""
FAREWELL_S = 5


class Pings:
    """Listens to the scheduler from now on, and pings the checks of its jobs.

    `checks` are addresses by job, or one with `{job}` in it. They are asked at public addresses
    only, unless `networks` names others. Raises ConfigurationError for what is no address.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        checks: Checks,
        *,
        networks: Sequence[Network] = (),
        resolve: Resolve = resolve,
    ) -> None:
        self._checks = checks
        self._caller = Caller(allowed(checks, networks), resolve)
        self._room = asyncio.Semaphore(AT_A_TIME)
        self._last: dict[str, asyncio.Task[None]] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        scheduler.listen(self._hear)

    async def aclose(self) -> None:
        """Wait for what is under way, but not for long."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=FAREWELL_S)
            for task in late:
                task.cancel()

    def _hear(self, event: Event) -> None:
        ping = ping_of(event)
        ask = ping and ping.ask(self._checks)
        if ping is None or ask is None:
            return
        if len(self._under_way) >= MOST_WAITING:
            log.warning("%s is not pinged: %d pings wait already", ping.job, MOST_WAITING)
            return
        task = asyncio.create_task(self._send(ping.job, ask, after=self._last.get(ping.job)))
        self._last[ping.job] = task
        self._under_way.add(task)
        task.add_done_callback(partial(self._over, ping.job))

    def _over(self, job: str, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if self._last.get(job) is task:
            del self._last[job]

    async def _send(self, job: str, ask: Ask, after: asyncio.Task[None] | None) -> None:
        """A job's pings in their order: an end that overtakes its start would look like a start."""
        if after is not None:
            await asyncio.wait({after})
        problem = ""
        async with self._room:
            for left in reversed(range(TRIES)):
                problem = await self._problem(ask)
                if not problem:
                    return
                if left:
                    await asyncio.sleep(REST_S)
        log.warning("job %s could not be pinged: %s", job, problem)

    async def _problem(self, ask: Ask) -> str:
        """What kept it from arriving; empty if it has. Its address is a secret, and is not told."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await self._caller.call(ask, lambda status: 200 <= status <= 299)
        except HttpError as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {TIMEOUT_S} s"
        return "" if 200 <= answer.status <= 299 else f"it answered {answer.status}"
