"""Tells whoever listens what the instance does. Costs next to nothing while nobody does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from cronfleet.clock import Clock
from cronfleet.engine.known import KnownJob
from cronfleet.engine.renewal import Answered, News, Unanswered
from cronfleet.engine.runner import Ended
from cronfleet.events import (
    Alert,
    Attempt,
    AttemptEnded,
    AttemptStarted,
    Event,
    Listener,
    SessionRenewed,
    StoreFailed,
    alert_by,
    plain,
)
from cronfleet.model import Claim, Instant, Kind, OnLost, Outcome

log: logging.Logger = logging.getLogger(__name__)


class Announcing:
    """Everybody who listens to one scheduler, in the order in which they began."""

    def __init__(self, on_alert: Callable[[Alert], object] | None = None) -> None:
        self.on_alert: Callable[[Alert], object] = alert_by(on_alert)
        self._listeners: list[Listener] = []

    @property
    def is_heard(self) -> bool:
        """Whether it is worth it to make an event."""
        return bool(self._listeners)

    def add(self, listener: Listener) -> None:
        """Raises ConfigurationError for a coroutine function."""
        self._listeners.append(plain("a listener", listener))

    def announce(self, event: Event) -> None:
        """Tell all listeners now; what one of them raises is its own affair."""
        for listener in self._listeners:
            try:
                listener(event)
            except BaseException:  # SystemExit, too, would end the instance.
                log.exception("a listener failed at %s; the others hear it", type(event).__name__)

    def alert(self, alert: Alert) -> None:
        """Tell the log, the user's own function, and all listeners."""
        log.error("job %s: %s", alert.job, alert.said)
        # By itself: what goes wrong in there is told by the event loop, and ends nothing here.
        asyncio.get_running_loop().call_soon(self.on_alert, alert)
        self.announce(alert)

    # --- attempts

    def started(self, job: KnownJob, claim: Claim, store_now: Callable[[], Instant]) -> None:
        """`start` is written."""
        if self._listeners:
            self.announce(AttemptStarted(_attempt(job, claim), _late_s(job, claim, store_now())))

    def ended(self, job: KnownJob, claim: Claim, ended: Ended, *, is_recorded: bool) -> None:
        """The outcome is written, or was refused."""
        if self._listeners:
            retry_in_ms = _retry_in_ms(job, ended)
            self.announce(
                AttemptEnded(
                    _attempt(job, claim),
                    ended.outcome.value,
                    ended.duration_s,
                    None if retry_in_ms is None else retry_in_ms / 1000,
                    is_recorded,
                    ended.error,
                    ended.raised,
                )
            )

    # --- the session

    def heard(self, news: News, clock: Clock) -> None:
        """What became of a renewal."""
        match news:
            case Answered():
                took_ms = news.received_at - news.sent_at
                since_ms = clock.boot_ms() - news.received_at
                # The store read its clock at some moment of the call: in its middle, for all we know.
                offset_ms = news.renewal.info.now - (clock.wall_ms() - since_ms - took_ms / 2)
                self.announce(SessionRenewed(took_ms / 1000, offset_ms / 1000))
            case Unanswered(error):
                self.announce(StoreFailed("renew", str(error)))
            case _:
                pass  # Asked, or told otherwise.


def _attempt(job: KnownJob, claim: Claim) -> Attempt:
    timeout_ms = job.definition.timeout_ms
    return Attempt(
        job=claim.run.job,
        run=str(claim.run),
        kind=claim.kind.value,
        fire_time=datetime.fromtimestamp(claim.run.fire_time / 1000, UTC),
        number=claim.attempt,
        token=claim.token,
        schedule=job.plan.schedule,
        timeout_s=None if timeout_ms is None else timeout_ms / 1000,
        args=job.definition.args,
        jitter_s=job.definition.jitter_ms / 1000,
    )


def _retry_in_ms(job: KnownJob, ended: Ended) -> int | None:
    """A loss is no failure that a policy judges: the store begins the next attempt at once."""
    is_again = ended.outcome is Outcome.LOST and job.definition.on_lost is OnLost.RERUN
    return 0 if is_again else ended.retry_in_ms


def _late_s(job: KnownJob, claim: Claim, now: Instant) -> float | None:
    """A trigger is due when it is given; when a back-fill or a retry was due, nobody knows here."""
    if claim.attempt > 1 or claim.kind is Kind.BACKFILL:
        return None
    fire_time = claim.run.fire_time
    due = job.plan.fire(fire_time).due if claim.kind is Kind.TICK else fire_time
    return max(0, now - due) / 1000
