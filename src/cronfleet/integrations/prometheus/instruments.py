"""Every metric, with its name, labels and unit: the list that docs/metrics.md explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeAlias, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

JOB = "job_name"
"""The label of a job; Prometheus keeps `job` for what it scrapes."""

LATENESS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600)
"""A tick that runs in time is milliseconds late; one that was caught up, up to its grace."""
DURATION_S = (0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 1_800, 3_600, 14_400)
CALL_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

Metric = TypeVar("Metric", Counter, Gauge, Histogram)
Labelled: TypeAlias = Callable[..., Metric]
"""The child with these labels, found once and kept."""


class Instruments:
    """The metrics of one instance, in a registry of their own."""

    def __init__(self) -> None:
        self.registry: CollectorRegistry = CollectorRegistry()
        self._add_attempts()
        self._add_ticks()
        self._add_session()
        self._add_read()

    def _add_attempts(self) -> None:
        counter, histogram = self._counter, self._histogram
        self.started: Labelled[Counter] = _kept(
            counter("attempts_started", "Handlers that were entered.", JOB, "kind")
        )
        self.ended: Labelled[Counter] = _kept(
            counter("attempts_ended", "Attempts, by how they ended.", JOB, "kind", "outcome")
        )
        self.runs_ended: Labelled[Counter] = _kept(
            counter("runs_ended", "Runs whose last attempt ended.", JOB, "kind", "outcome")
        )
        self.outcomes_late: Labelled[Counter] = _kept(
            counter("outcomes_late", "Outcomes of runs that were taken for lost by then.", JOB)
        )
        self.taken_back: Labelled[Counter] = _kept(
            counter("runs_taken_back", "Runs taken back from dead instances.", JOB, "state")
        )
        self.running: Labelled[Gauge] = _kept(
            self._gauge("runs_in_progress", "Attempts under way on this instance.", JOB)
        )
        self.lateness: Labelled[Histogram] = _kept(
            histogram("run_lateness_seconds", "From due to started.", LATENESS_S, JOB)
        )
        self.duration: Labelled[Histogram] = _kept(
            histogram("attempt_duration_seconds", "Of the handler.", DURATION_S, JOB)
        )

    def _add_ticks(self) -> None:
        self.skipped: Labelled[Counter] = _kept(
            self._counter("ticks_skipped", "Ticks recorded as not run.", JOB, "reason")
        )
        self.claims: Labelled[Counter] = _kept(
            self._counter("claims", "Ticks and runs asked for, by the answer.", "answer")
        )
        self.last_claim: Gauge = self._gauge(
            "last_claim_timestamp_seconds", "When a claim was granted last, since 1970 UTC."
        )
        self.oldest_due: Gauge = self._gauge(
            "oldest_due_seconds", "How long what waits longest has been due; 0 below 5 s."
        )
        self.overloaded: Gauge = self._gauge("overloaded", "1 while more is due than is started.")
        self.alerts: Labelled[Counter] = _kept(
            self._counter("alerts", "Times that a person was needed.", "kind")
        )

    def _add_session(self) -> None:
        self.ready: Gauge = self._gauge("ready", "1 while this instance makes claims.")
        self.renewal: Histogram = self._histogram(
            "renewal_seconds", "How long a renewal of the session took.", CALL_S
        )
        self.sessions_lost: Counter = self._counter(
            "sessions_lost", "Times that this instance was taken for dead."
        )
        self.clock_offset: Gauge = self._gauge(
            "store_clock_offset_seconds", "The store's clock less this machine's."
        )
        self.call: Labelled[Histogram] = _kept(
            self._histogram(
                "store_call_seconds", "How long the store took to answer.", CALL_S, "operation"
            )
        )
        self.call_failures: Labelled[Counter] = _kept(
            self._counter("store_failures", "Calls to the store without an answer.", "operation")
        )

    def _add_read(self) -> None:
        """What is read when somebody asks, and is gone when it cannot be."""
        self.last_success: Gauge = self._gauge(
            "job_last_success_timestamp_seconds", "When a run succeeded last, 1970 UTC.", JOB
        )
        self.interval: Gauge = self._gauge(
            "job_interval_seconds", "From the fire time settled last to the next.", JOB
        )
        self.paused: Gauge = self._gauge(
            "job_paused", "1 for a job that is paused, by a person or as poisoned.", JOB, "reason"
        )
        self.notices: Gauge = self._gauge(
            "outbox_notices", "Notices of the password-expiry application.", "state"
        )
        self.build: Info = self._info("build", "The versions at work.")
        self.store: Info = self._info("store", "The store, and what it can promise.")

    # --- one of a sort

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return Counter(f"cronfleet_{name}", said, labels, registry=self.registry)

    def _gauge(self, name: str, said: str, *labels: str) -> Gauge:
        return Gauge(f"cronfleet_{name}", said, labels, registry=self.registry)

    def _histogram(self, name: str, said: str, buckets: Sequence[float], *labels: str) -> Histogram:
        full = f"cronfleet_{name}"
        return Histogram(full, said, labels, registry=self.registry, buckets=buckets)

    def _info(self, name: str, said: str) -> Info:
        return Info(f"cronfleet_{name}", said, registry=self.registry)


def _kept(metric: Metric) -> Labelled[Metric]:
    """prometheus_client takes a lock and makes strings at each look; here it is done once."""
    return cache(metric.labels)
