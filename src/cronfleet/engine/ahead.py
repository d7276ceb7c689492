"""Jobs that stand still because the store's clock was ahead once."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection

from cronfleet.adopting import all_jobs
from cronfleet.info import moment
from cronfleet.model import JobName, JobRecord
from cronfleet.store import CLOCK_STEP_BACK_MS, Store

log: logging.Logger = logging.getLogger(__name__)

ASKED_BY_NAME = 2_000
"""So many jobs are read one by one; of more, all that the store has are looked through."""

AT_ONCE = 200
BETWEEN_PAGES_S = 0.01
"""A store of a million jobs has other things to do as well."""


async def tell_of_jobs_ahead(store: Store, among: Collection[JobName]) -> None:
    """Log each of these jobs whose ticks are settled up to an instant in the future.

    Nothing is mended here: a person must have seen which clock is wrong. Raises StoreError.
    """
    soon = (await store.open()).now + CLOCK_STEP_BACK_MS
    jobs = _by_name(store, list(among)) if len(among) <= ASKED_BY_NAME else _all(store, among)
    async for job in jobs:
        if job.watermark > soon:
            log.error(
                "job %s: the store's clock was ahead, and its ticks are settled up to %s: none "
                "runs until then, unless `cronfleet store check --repair` mends it",
                job.name,
                moment(job.watermark).isoformat(),
            )


async def _by_name(store: Store, names: Collection[JobName]) -> AsyncIterator[JobRecord]:
    for name in names:
        if job := await store.job(name):
            yield job


async def _all(store: Store, among: Collection[JobName]) -> AsyncIterator[JobRecord]:
    async for job in all_jobs(store, AT_ONCE, BETWEEN_PAGES_S):
        if job.name in among:
            yield job
