"""Counts what the instance announces."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from cronfleet.events import (
    Alert,
    AttemptEnded,
    AttemptStarted,
    Claimed,
    Event,
    Left,
    Looked,
    RunTakenBack,
    SessionLost,
    SessionRenewed,
    StoreAnswered,
    StoreFailed,
    TicksSkipped,
)
from cronfleet.integrations.prometheus.instruments import Instruments
from cronfleet.integrations.prometheus.names import Names

KINDS = ("tick", "manual", "backfill")
OUTCOMES = ("succeeded", "failed", "timed_out", "cancelled", "lost")
REASONS = ("misfire", "overlap", "no_instance")


class Counting:
    """A listener that turns events into metrics."""

    def __init__(self, instruments: Instruments, names: Names) -> None:
        self._to = instruments
        self._label = names.of
        self._running: Counter[str] = Counter()
        self._by_kind: Mapping[type[Event], Callable[[Any], None]] = {
            Alert: self._alert,
            AttemptEnded: self._ended,
            AttemptStarted: self._started,
            Claimed: self._claimed,
            Left: self._left,
            Looked: self._looked,
            RunTakenBack: self._taken_back,
            SessionLost: self._session_lost,
            SessionRenewed: self._renewed,
            StoreAnswered: self._answered,
            StoreFailed: self._failed,
            TicksSkipped: self._skipped,
        }

    def __call__(self, event: Event) -> None:
        """Count it, if it is anything to count."""
        count = self._by_kind.get(type(event))
        if count is not None:
            count(event)

    def expect(self, job: str) -> None:
        """Begin at 0 for a job: a counter that begins at 1 shows no increase from nothing."""
        for kind, outcome in product(KINDS, OUTCOMES):
            self._to.runs_ended(job, kind, outcome)
        for reason in REASONS:
            self._to.skipped(job, reason)

    # --- attempts

    def _started(self, event: AttemptStarted) -> None:
        job = self._label(event.attempt.job)
        self._to.started(job, event.attempt.kind).inc()
        self._moves(job, +1)
        if event.late_s is not None:
            self._to.lateness(job).observe(event.late_s)

    def _ended(self, event: AttemptEnded) -> None:
        attempt = event.attempt
        job = self._label(attempt.job)
        self._moves(job, -1)
        self._to.duration(job).observe(event.duration_s)
        if not event.is_recorded:
            self._to.outcomes_late(job).inc()
            return
        self._to.ended(job, attempt.kind, event.outcome).inc()
        if event.retry_in_s is None:
            self._to.runs_ended(job, attempt.kind, event.outcome).inc()

    def _moves(self, job: str, by: int) -> None:
        self._running[job] += by
        self._to.running(job).set(self._running[job])

    def _left(self, _: Left) -> None:
        for job in self._running:
            self._moves(job, -self._running[job])

    def _taken_back(self, event: RunTakenBack) -> None:
        self._to.taken_back(self._label(event.job), event.state).inc()

    # --- what is due

    def _skipped(self, event: TicksSkipped) -> None:
        self._to.skipped(self._label(event.job), event.reason).inc(event.count)

    def _claimed(self, event: Claimed) -> None:
        for answer in ("granted", "waiting", "skipped", "lost"):
            self._to.claims(answer).inc(getattr(event, answer))
        if event.granted:
            self._to.last_claim.set(time.time())

    def _looked(self, event: Looked) -> None:
        self._to.oldest_due.set(event.oldest_due_s)
        self._to.overloaded.set(event.is_overloaded)

    def _alert(self, event: Alert) -> None:
        self._to.alerts(event.kind.value).inc()

    # --- the session and the store

    def _renewed(self, event: SessionRenewed) -> None:
        self._to.renewal.observe(event.took_s)
        self._to.clock_offset.set(event.clock_offset_s)

    def _session_lost(self, _: SessionLost) -> None:
        self._to.sessions_lost.inc()

    def _answered(self, event: StoreAnswered) -> None:
        self._to.call(event.operation).observe(event.took_s)

    def _failed(self, event: StoreFailed) -> None:
        self._to.call_failures(event.operation).inc()
