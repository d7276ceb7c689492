"""Jobs that stand still because the store's clock was ahead once."""

from __future__ import annotations

import logging
from collections.abc import Collection

from cronfleet.adopting import all_jobs
from cronfleet.info import moment
from cronfleet.model import JobName
from cronfleet.store import CLOCK_STEP_BACK_MS, Store

log: logging.Logger = logging.getLogger(__name__)


async def tell_of_jobs_ahead(store: Store, among: Collection[JobName]) -> None:
    """Log each of these jobs whose ticks are settled up to an instant in the future.

    Nothing is mended here: a person must have seen which clock is wrong. Raises StoreError.
    """
    soon = (await store.open()).now + CLOCK_STEP_BACK_MS
    async for job in all_jobs(store):
        if job.name in among and job.watermark > soon:
            log.error(
                "job %s: the store's clock was ahead, and its ticks are settled up to %s: none "
                "runs until then, unless `cronfleet store check --repair` mends it",
                job.name,
                moment(job.watermark).isoformat(),
            )
