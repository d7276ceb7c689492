"""A case's jobs as a program registers them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import cast

from cronfleet.engine.known import Handler
from cronfleet.registry import History, JobOptions, Retry
from cronfleet.schedule import Schedule, cron, every
from cronfleet.scheduler import Scheduler
from tests.simulation.case import Job


def register(scheduler: Scheduler, jobs: Iterable[Job], handler: Callable[[Job], Handler]) -> None:
    """All of them, each with its handler."""
    for job in jobs:
        scheduler.add_job(handler(job), schedule_of(job), job.name, **options_of(job))


def schedule_of(job: Job) -> Schedule:
    if job.cron:
        return cron(f"{job.phase // 60_000}-59/{job.period // 60_000} * * * *")
    return every(span(job.period), anchor=datetime.fromtimestamp(job.phase / 1000, UTC))


def options_of(job: Job) -> JobOptions:
    words = {"on_lost": job.on_lost, "overlap": job.overlap, "misfire": job.misfire}
    options = JobOptions(
        max_active=job.max_active,
        misfire_grace=span(job.grace),
        max_catch_up=job.catch_up,
        retry=Retry(job.retries + 1, span(job.retry_after)) if job.retries else None,
        timeout=span(job.timeout) if job.timeout else None,
        jitter=span(job.jitter) if job.jitter else None,
        shards=job.shards,
        history=History(job.history, job.history),
        args={"edition": job.edition},
    )
    return cast("JobOptions", words | options)


def span(span_ms: int) -> timedelta:
    return timedelta(milliseconds=span_ms)
