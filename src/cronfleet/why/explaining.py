"""From a question to its answer."""

from __future__ import annotations

from datetime import datetime

from cronfleet.model import JobRecord
from cronfleet.store import Store
from cronfleet.why.deciding import decide
from cronfleet.why.explanation import Explanation
from cronfleet.why.gathering import gather
from cronfleet.why.wording import explained


async def explain(store: Store, job: JobRecord, at: datetime) -> Explanation:
    """What became of the job's tick at that time.

    A time without a zone is what the clocks show in the zone of the job's schedule. Raises
    InvalidScheduleError for one that no schedule can name, and StoreError.
    """
    facts = await gather(store, job, at)
    return explained(facts, decide(facts))
